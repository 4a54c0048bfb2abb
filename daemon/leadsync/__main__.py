"""`python -m leadsync` and the console script."""

from leadsync.cli import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
