"""Notices through Apprise: one URL is one notifier, be it mail, Slack, ntfy, a webhook or another hundred.

Apprise sends with blocking libraries, so each message has a thread of its own, off the loop, and a time-out; a thread
that hangs is left behind, and until it is back nothing more goes to its notifier. Its URLs are secrets: its own log is
not let through, since it may quote them, and what it says of a failure is shown without their parts. A message that is
too long for its service is cut: what is most urgent stands first.
"""

import asyncio
import logging
import re
import threading
import warnings
from collections.abc import Awaitable, Callable
from typing import Final

from apprise import Apprise, AppriseAsset, OverflowMode  # noqa: TID251 - this is the one module

from leadsync.core.redact import MASK, redact

SEND_WAIT_S: Final = 30.0
PART_MIN_CHARS: Final = 6
"""Parts of a URL that are as long as this may be its secret."""

_ASSET: Final = {
    "app_id": "leadsync",
    "app_desc": "leadsync",
    "async_mode": False,
    "secure_logging": True,
    "storage_mode": "memory",
    "service_timeout": SEND_WAIT_S,
}


def apprise_notifier(url: str) -> Callable[[str, str], Awaitable[str]] | None:
    """Return what sends title and body, and says why that failed; None where Apprise knows no such URL."""
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    asset = AppriseAsset(**_ASSET)  # type: ignore[arg-type]  # one table for its many types
    with warnings.catch_warnings(action="ignore"):  # its hundred plugins are read now, and use what is deprecated
        service = Apprise.instantiate(url, asset=asset)
    if service is None:
        return None
    if "overflow=" not in url:
        # Left as it is, what is longer than a service takes is refused by it, and due again, for ever.
        service.overflow_mode = OverflowMode.TRUNCATE
    apprise = Apprise(asset=asset)
    apprise.add(service)
    return _Sender(apprise, [part for part in re.split(r"[^\w-]+", url) if len(part) >= PART_MIN_CHARS]).send


def _settle(done: asyncio.Future[str], why: str) -> None:
    if not done.done():
        done.set_result(why)


class _Sender:
    """One notifier; `parts` are what must not be shown."""

    def __init__(self, apprise: Apprise, parts: list[str]) -> None:
        self._apprise = apprise
        self._parts = parts
        self._thread: threading.Thread | None = None

    async def send(self, title: str, body: str) -> str:
        """Send it, in a thread that nobody waits for any longer than he must."""
        if self._thread is not None and self._thread.is_alive():
            return "the message before is still on its way"
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()

        def work() -> None:
            why = self._send(title, body)
            # Whoever waited may be gone, and so may the loop.
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, done, why)

        self._thread = threading.Thread(target=work, name="notifier", daemon=True)
        self._thread.start()
        try:
            async with asyncio.timeout(SEND_WAIT_S):
                return await done
        except TimeoutError:
            return f"no answer within {SEND_WAIT_S:.0f} s"

    def _send(self, title: str, body: str) -> str:
        said: list[str] = []
        try:
            taken = self._apprise.notify(
                body=body,
                title=title,
                log_level=logging.WARNING,
                log_callback=lambda entry, _service: said.append(str(entry.message)),
            )
        except Exception as error:  # noqa: BLE001 - a plugin of a hundred raises what it likes; the notice is due again
            return f"Apprise failed ({type(error).__name__})"
        return "" if taken else self._masked(" ".join(said) or "the notifier did not take it")

    def _masked(self, text: str) -> str:
        for part in self._parts:
            text = text.replace(part, MASK)
        return redact(text)[:200]
