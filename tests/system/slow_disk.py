"""leadsync on a slow disk: `slow_disk.py MILLISECONDS ARGUMENTS…` takes so much longer for each commit."""

import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from leadsync.__main__ import main
from leadsync.store.writer import Writer


def slow_down(delay_ms: int) -> None:
    """Have every commit of this process take so much longer; one that has written nothing waits for no disk."""
    at_once = Writer._transaction  # noqa: SLF001 - the disk is made slower here

    def slowly(self: Writer, do: Callable[[Connection], Any]) -> Any:
        wrote = False

        def counted(connection: Connection) -> Any:
            nonlocal wrote
            driver: Any = connection.connection.driver_connection
            before = driver.total_changes
            result = do(connection)
            wrote = driver.total_changes != before
            return result

        done = at_once(self, counted)
        time.sleep(delay_ms / 1_000 if wrote else 0)
        return done

    setattr(Writer, "_transaction", slowly)  # noqa: B010 - mypy knows that nobody should


if __name__ == "__main__":
    slow_down(int(sys.argv.pop(1)))
    main()
