"""A stage with a skip trace: the vendor's callbacks come through the real door, in process, while a daemon is there."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx  # noqa: TID251 - the vendor's callbacks are requests
from starlette.types import Receive, Scope, Send

from leadsync.app import App
from leadsync.core.letters import Letter
from leadsync.inbox.door import Door
from leadsync.simulator import API_KEY, Sending
from leadsync.store.inbox import Receipt
from tests.stage import Stage

DAY_S: Final = 86_400.0
TABLES: Final = """
[webhooks]
public_url = "https://leads.example.com"
[skip_trace]
api_key = { file = "reapi-key" }
base_url = "http://127.0.0.1:9"
"""
TRACED: Final = 'query = ""\norQuickLists = []\n[skip_trace]\nenabled = true'
"""The criteria of a job whose owners are found, as its file says it."""

PEOPLE: Final = re.compile(r"55501\d\d(?!\d)|[0-9a-f]{10}@|Fenwick|Holloway|Okonjo|Petrakis|/hooks/")
"""What the other vendor's simulator answers, the names of the world's owners, and where answers find us."""


class TracedStage(Stage):
    """`terms` are further lines of [skip_trace]; the budget is unlimited unless they set one."""

    def __init__(self, folder: Path, *, terms: str = "", **more: Any) -> None:
        super().__init__(folder, **more)
        (folder / "reapi-key").touch(0o600)
        (folder / "reapi-key").write_text(API_KEY)
        self.trace_terms(terms)
        self.here: App | None = None
        self.sim.deliver = self._deliver
        self.statuses: list[int] = []

    def trace_terms(self, terms: str = "") -> None:
        """Write [skip_trace] with these lines."""
        budget = "" if "budget" in terms else 'budget = "unlimited"\n'
        self.configure('budget = "unlimited"\n' + TABLES + budget + terms)

    def switch(self, **switches: Any) -> None:
        """Have the vendor of the skip trace behave so from now on."""
        self.sim.traces.switches = replace(self.sim.traces.switches, **switches)

    @contextmanager
    def reached(self, app: App) -> Iterator[None]:
        """Let the vendor's callbacks come through the door of this one, with all their headers."""
        self.here = app
        try:
            yield
        finally:
            self.here = None

    def work(self, *jobs: str, for_s: float = 600.0, then: Callable[[App], object] | None = None) -> None:
        """Be the daemon for so long, run these jobs at its begin, and do something `then`."""

        async def meanwhile(app: App) -> None:
            for job in jobs or ("phoenix",):
                await app.dispatch.run(job, "once")
            if then is not None:
                done = then(app)
                if isinstance(done, Coroutine):
                    await done

        self.serve(for_s, meanwhile)

    async def _deliver(self, url: str, body: bytes, how: Sending, headers: Mapping[str, str]) -> list[int]:
        """Bring a callback as the vendor does: again where it was not taken, to whatever lives then."""
        await asyncio.sleep(how.delay_s)
        statuses = []
        for attempt in range(how.tries_max):
            await asyncio.sleep(how.retry_wait_s if attempt else 0)
            statuses.append(await self.knock(urlsplit(url).path, body, headers))
            if statuses[-1] == 200:
                break
        self.statuses += statuses
        return statuses

    async def knock(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Call the door of the daemon that is there; 0 where there is none."""
        app = self.here
        if app is None:
            return 0

        async def keep(letter: Letter) -> Receipt:
            (receipt,) = await app.ledger.inbox.receive([letter], app.around.now())
            return receipt

        door = Door(lambda: app.ledger.hooks, keep, 65_536, app.unpack.ring, lambda _why: None)

        async def admitted(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = {"admit": lambda: None}
            await door(scope, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(admitted), base_url="https://x.invalid") as caller:
            return (await caller.post(path, content=body, headers=dict(headers))).status_code

    @property
    def asked(self) -> list[int]:
        """How often each owner was asked for in the same words, the most often first."""
        return sorted(self.sim.traces.times_asked().values(), reverse=True)

    def subjects(self) -> dict[str, int]:
        """How many subjects are in each state."""
        return dict(self.rows("SELECT state, count(*) FROM trace_subject GROUP BY state"))

    def batches(self) -> Sequence[tuple[Any, ...]]:
        """Name, state, items, matched, missed and missing of each batch."""
        return self.rows("SELECT name, state, items, matched, missed, missing FROM trace_batch ORDER BY id")

    def assert_nobody_is_named(self) -> None:
        """P11: no phone, e-mail, name, key or address of a webhook is in the log."""
        text = self.log.getvalue()
        found = PEOPLE.search(text)
        assert found is None, f"somebody is in the log: {text[max(found.start() - 200, 0) : found.end() + 40]}"
        assert API_KEY not in text

    def wrote(self, event: str) -> list[dict[str, Any]]:
        """The fields of an event's lines, without their head."""
        head = {"time", "level", "event"}
        return [{name: value for name, value in line.items() if name not in head} for line in self.logged(event)]


def callback(key: int, **more: Any) -> bytes:
    """What the vendor says of an owner, by hand."""
    return json.dumps({"input": {"key": key}, "match": True, "statusCode": 200, **more}).encode()
