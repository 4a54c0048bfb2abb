"""A pull by windows in a store: what tests ask, let come, let fail and let expire."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from leadsync.core.asking import Untaken
from leadsync.core.budget import Limits
from leadsync.core.hooks import Address
from leadsync.core.letters import Letter, Why
from leadsync.core.model import End, Lead, Outcome, Reason, Route
from leadsync.core.one_shot import Life, Wanted
from leadsync.core.protocol import Wait
from leadsync.core.windows import AskWindow
from leadsync.store import windows
from leadsync.store.inbox import Hold
from leadsync.store.windows import Arrived, Expired, Failed, WindowAsked, WindowOrder
from tests.store.hand import NOW, PRICE, UNLIMITED, Hand

SEAT = "bulk-0123456789abcdef-1"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
STATES = "SELECT state FROM page ORDER BY id"


class Pull:
    """One life of a one-shot by windows, with its run."""

    def __init__(self, hand: Hand, wanted: int = 3_200) -> None:
        self.hand = hand
        self.wanted = Wanted("main", "bulk", wanted)
        life = hand.do(hand.ledger.life(self.wanted, NOW))
        assert life is not None
        self.life: Life = life
        self.run_id = 0
        self.begin()
        hand.do(hand.ledger.take_route(life, self.run_id, Route.ASYNC))

    def begin(self) -> None:
        """Begin a run of it."""
        self.run_id = self.hand.run("bulk")
        self.hand.do(self.hand.ledger.take_route(self.life, self.run_id, Route.ASYNC))

    def end(self, outcome: Outcome = Outcome.WAITING, reason: Reason | None = None) -> None:
        """End the run."""
        self.hand.do(self.hand.ledger.end_run(self.run_id, End(outcome, "", reason), 0.0, NOW))
        self.hand.alive.discard(self.run_id)

    def order(self, limits: Limits = UNLIMITED, most: int | None = None) -> WindowOrder:
        """What it wants next; three may be out at once."""
        seat = self.hand.session(SEAT, job="bulk")
        return WindowOrder(self.life, seat.session_id, self.run_id, limits, "these", 3, HOUR, _request, most)

    def ask(self, limits: Limits = UNLIMITED, most: int | None = None, now: datetime = NOW) -> object:
        """Ask for what is next."""
        return self.hand.do(self.hand.ledger.windows.ask(self.order(limits, most), now))

    def asked(self, now: datetime = NOW) -> WindowAsked:
        """Ask for a window that there is."""
        asked = self.ask(now=now)
        assert isinstance(asked, WindowAsked)
        return asked

    def arrive(self, asked: WindowAsked, came: Sequence[Lead], request_id: str | None = None) -> Arrived:
        """A result comes."""
        return self.hand.do(self.hand.writer.write(windows.arrive, asked.page.key, request_id, came, NOW + HOUR))

    def fail(self, asked: WindowAsked, now: datetime = NOW + HOUR) -> Failed:
        """An error comes."""
        return self.hand.do(self.hand.writer.write(windows.fail, asked.page.key, None, "broken", now))

    def expire(self, *again: str, now: datetime = NOW + HOUR) -> list[Expired]:
        """Let expire what is due."""
        return self.hand.do(self.hand.ledger.windows.expire(again, now))

    def states(self) -> list[str]:
        """What became of each request."""
        return [state for (state,) in self.hand.rows(STATES)]

    def message(self, asked: WindowAsked) -> None:
        """Something has come for a window, and is not read yet."""
        letter = Letter(Address("batchdata", asked.page.key), {}, b"?", "digest")
        self.hand.do(self.hand.ledger.inbox.receive([letter], NOW))

    def hold(self) -> None:
        """What is not read yet cannot be read, and lies in quarantine."""
        (waiting,) = self.hand.do(self.hand.ledger.inbox.begin())
        self.hand.do(self.hand.ledger.inbox.settle([Hold(waiting.message_id, Why.NOT_READABLE, "")], NOW))


def _request(key: str, window: AskWindow) -> bytes:
    return f"{key} {window.skip} {window.take}".encode()


def day(records: int) -> Limits:
    """A budget of so many records a day."""
    return Limits(UTC, PRICE, records_day=records)


def untaken(end: End | None = None) -> Untaken:
    """The vendor has not taken a request."""
    return Untaken(429, "slow down", end or Wait(1.0, "slow down", 1))
