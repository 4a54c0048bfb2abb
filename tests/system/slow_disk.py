"""leadsync on a slow disk: `slow_disk.py MILLISECONDS ARGUMENTS…` takes so much longer for each commit."""

import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from leadsync.__main__ import main
from leadsync.store.writer import Writer

if __name__ == "__main__":
    delay_s = int(sys.argv.pop(1)) / 1_000
    at_once = Writer._transaction  # noqa: SLF001 - the disk is made slower here

    def slowly(self: Writer, do: Callable[[Connection], Any]) -> Any:
        """Do it, and take long over it."""
        done = at_once(self, do)
        time.sleep(delay_s)
        return done

    setattr(Writer, "_transaction", slowly)  # noqa: B010 - mypy knows that nobody should
    main()
