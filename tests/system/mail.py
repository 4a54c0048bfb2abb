"""The door of a real process: where it is, its addresses, and what has come through it."""

import hashlib
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from leadsync.core.hooks import Address, HookKey, hook_url
from tests.system.house import House

__all__ = ["Mailbox", "free_port", "with_door"]

TABLE: Final = """
[webhooks]
listen = "127.0.0.1:{port}"
public_url = "https://leads.example.com"
{more}
"""


def free_port() -> int:
    """A port that nobody has just now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
        return port


def with_door(house: House, more: str = "") -> "Mailbox":
    """Give a house a door; `more` is further text of its table."""
    port = free_port()
    house.config.write_text(house.config.read_text() + TABLE.format(port=port, more=more))
    return Mailbox(house, port)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A house's door, once a daemon has made its store."""

    house: House
    port: int

    def url(self, subject: str, kind: str = "async", base: str | None = None) -> str:
        """A right address, at the door itself or behind `base`."""
        ((name, secret),) = self.house.rows("SELECT name, hook_secret FROM installation")
        return hook_url(base or f"http://127.0.0.1:{self.port}", HookKey(name, secret), Address(kind, subject))

    def digests(self) -> dict[str, str]:
        """What has come, by subject; each body is read and let go again."""
        found: dict[str, str] = {}
        for number, subject in self.house.rows("SELECT id, subject FROM inbox_message"):
            ((body,),) = self.house.rows("SELECT body FROM inbox_body WHERE message_id = ?", number)
            found[subject] = hashlib.sha256(body).hexdigest()
        return found
