"""`python -m leadsync` and the console script."""

import os
import sys

from leadsync.cli import app


def main() -> None:
    """Run the command line. A stream that was closed before we were started leads nowhere from now on."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as we live
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - the same
    app()


if __name__ == "__main__":
    main()
