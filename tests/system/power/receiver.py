"""A small receiver of webhooks, to try the checker on: `receiver.py FOLDER late|early`; says its port in its log.

`late` answers 200 once the body is stored, `early` as soon as it has it.
"""

import asyncio
import json
import socket
import sqlite3
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Inbox:
    """Keeps bodies; each is durable when `keep` returns."""

    def __init__(self, folder: Path) -> None:
        self._store = sqlite3.connect(folder / "leadsync.db", isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode=WAL", "synchronous=FULL"):
            self._store.execute(f"PRAGMA {setting}")
        self._store.execute("CREATE TABLE IF NOT EXISTS inbox (body BLOB)")

    def keep(self, body: bytes) -> None:
        """Store one."""
        self._store.execute("INSERT INTO inbox VALUES (?)", (body,))

    async def late(self, request: Request) -> Response:
        """Store, then answer."""
        await asyncio.to_thread(self.keep, await request.body())
        return Response()

    async def early(self, request: Request) -> Response:
        """Answer, then store."""
        return Response(background=BackgroundTask(self.keep, await request.body()))


def main(folder: str, when: str) -> None:
    """Serve until killed."""
    inbox = Inbox(Path(folder))
    app = Starlette(routes=[Route("/", {"late": inbox.late, "early": inbox.early}[when], methods=["POST"])])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stderr.write(json.dumps({"event": "receiver.started", "port": listening.getsockname()[1]}) + "\n")
        sys.stderr.flush()
        uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off")).run([listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
