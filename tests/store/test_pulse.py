"""The pulse of a daemon, read from its store, and what the store remembers of a reload."""

from datetime import timedelta
from pathlib import Path

from leadsync.core.model import Reason
from leadsync.core.schedule import Every
from leadsync.store.ledger import Timing
from leadsync.store.pulse import Pulse
from tests.store.hand import NOW, Hand

HOUR = timedelta(hours=1)
SOON = Timing("soon", Every(HOUR), timedelta(0), makes_up=True)
LATER = Timing("later", Every(5 * HOUR), timedelta(0), makes_up=True)


def test_it_tells_what_waits_and_what_comes_next(tmp_path: Path) -> None:
    """A store where nothing is to come says so; else the first time of all jobs, and who waits for a person."""
    hand = Hand(tmp_path / "leadsync.db")
    assert hand.do(hand.ledger.feel_pulse()) == Pulse(frozenset(), None, None)
    hand.do(hand.ledger.start_slots([LATER, SOON], NOW, lambda: 0.5))
    hand.do(hand.ledger.park(hand.session("phoenix").session_id, Reason.REFUSED, "no", NOW))
    assert hand.do(hand.ledger.feel_pulse()) == Pulse(frozenset({("main", "phoenix")}), "soon", NOW + HOUR)


def test_a_reload_that_was_refused_is_remembered(tmp_path: Path) -> None:
    """Until one is not."""
    hand = Hand(tmp_path / "leadsync.db")
    for refused in ("job x: page_size is 0", None):
        hand.do(hand.ledger.note_reload(refused))
        assert hand.one("SELECT reload_refused FROM installation") == refused


def test_another_timetable_leaves_runs_alone(tmp_path: Path) -> None:
    """What is planned follows the new files, what runs ends by itself, and only a new job has missed anything."""
    hand = Hand(tmp_path / "leadsync.db")
    hand.do(hand.ledger.start_slots([SOON, LATER], NOW, lambda: 0.5))
    slot = hand.do(hand.ledger.next_slot(SOON, NOW, 0.5))
    assert slot is not None
    hand.do(hand.ledger.take_slot(SOON, slot, slot.fire_at, 0.5))
    assert hand.do(hand.ledger.change_slots([LATER], ["later"], NOW, lambda: 0.5)) == []
    assert hand.rows("SELECT job, state FROM slot ORDER BY job") == [("later", "planned"), ("soon", "taken")]
    hand.do(hand.ledger.finish_slot(SOON, slot, None, unused=False))
