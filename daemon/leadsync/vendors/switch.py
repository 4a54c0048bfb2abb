"""A dead-man's switch in the form of healthchecks.io: its address alone, or with /start or /fail behind it.

It is called as any vendor: by the one HTTP client, within a time, and no redirect is followed. The address is a secret.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from leadsync.vendors.http import Http, NoReply, Transport


class Switch:
    """One per address, which `config.units.url` has let through."""

    def __init__(self, url: str, transport: Transport | None) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._http = Http(f"{parts.scheme}://{parts.netloc}", {"user-agent": "leadsync"}, transport)

    async def call(self, word: str) -> str:
        """Call it, with a word such as `/start` or with none; return why that failed, "" where it did not."""
        reply = await self._http.send("GET", f"{self._path}{word}" or "/")
        if isinstance(reply, NoReply):
            return reply.why
        return "" if reply.status == HTTPStatus.OK else f"HTTP {reply.status}"

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()
