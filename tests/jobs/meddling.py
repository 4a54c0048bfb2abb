"""Other hands on a team's sessions: what they do just before a request of ours is carried, and what we then did.

The observer stands at the vendor's door. It looks at each deletion as it comes in, and writes down what is wrong with
it by the vendor's own knowledge and by the store as it is on the disk (P7).
"""

from collections.abc import Callable
from typing import TypeAlias

import httpx  # noqa: TID251 - the test edge speaks to the simulator in process

from tests.jobs.books import INSTALLATION
from tests.jobs.house import DELETE
from tests.stage import Stage, Wire

Meddle: TypeAlias = Callable[[], object]


class Observed(Wire):
    """The way to the vendor, watched. `before_list` and `before_delete` have what is done just before the n-th, from 1.

    `always` is done before every list.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.sim)
        self.stage = stage
        self.looks = self.deletes = 0
        self.listed: int | None = None
        self.before_list: dict[int, Meddle] = {}
        self.before_delete: dict[int, Meddle] = {}
        self.always: Meddle | None = None
        self.wrongs: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request, there and back."""
        if request.method == "GET":
            self.looks += 1
            self.before_list.get(self.looks, _nothing)()
            if self.always is not None:
                self.always()
            self.listed = len(self.stage.sim.sessions)
        elif request.method == "DELETE":
            self.deletes += 1
            self.before_delete.get(self.deletes, _nothing)()
            self._judge(request.url.path.removeprefix(DELETE))
        else:
            self._judge_search(request)
        return await super().handle_async_request(request)

    def _judge(self, session: str) -> None:
        """What is wrong with this deletion, if anything is."""
        stage, living = self.stage, self.stage.sim.sessions.get(session)
        keys = [charge.key for charge in stage.sim.bill.charges if charge.session == session]
        written = stage.rows("SELECT vendor_total FROM slot_action WHERE state = 'asked' AND session = ?", session)
        if not written:
            self.wrongs.append(f"{session}: no row before it")
        if not keys or not all(key.startswith(INSTALLATION) for key in keys):
            self.wrongs.append(f"{session}: not ours alone")
        elif living is not None and written and written != [(living.total,)]:
            self.wrongs.append(f"{session}: has moved since it was written down")
        open_keys = "SELECT count(*) FROM page JOIN search_session s ON s.id = session_id WHERE state = 'asked'"
        if stage.one(f"{open_keys} AND s.name = ?", session):
            self.wrongs.append(f"{session}: a key is open")
        if session in {job.session for job in stage.settings().jobs.values() if job.enabled}:
            self.wrongs.append(f"{session}: a job uses it")

    def _judge_search(self, request: httpx.Request) -> None:
        """Whether a new session is one too many, by the list that was had last."""
        sessions, account = self.stage.sim.sessions, self.stage.settings().accounts["main"]
        body = request.content.decode()
        is_new = not any(f'"id":"{name}"' in body for name in sessions)
        if is_new and len(sessions) >= account.session_cap - account.session_reserve and self.listed == len(sessions):
            self.wrongs.append("a session too many")


def _nothing() -> None:
    """What usually happens on the way."""


def observe(stage: Stage) -> Observed:
    """Watch the stage's way to the vendor from now on."""
    wire = Observed(stage)
    stage.wire = wire
    stage.change(transport=wire)
    return wire
