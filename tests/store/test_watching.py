"""How things stand, as the store shows it; and conditions, which are held over a restart until they are over."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from leadsync.core.budget import Spent
from leadsync.core.conditions import Condition
from leadsync.core.model import SETTLING, End, Outcome, Reason, Route
from leadsync.core.schedule import At
from leadsync.core.slots import Room
from leadsync.core.unusual import Past
from leadsync.core.watch import Held, Key, Told
from leadsync.store.ledger import Look, NewRun, Timing, Watched
from leadsync.store.watching import open_conditions
from tests.store.hand import NOW, PRICE, UNLIMITED, Hand, leads

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROOM = Room(100, 5)
WATCHED = Watched({"main": (UNLIMITED, ROOM), "new": (UNLIMITED, ROOM)}, {"phoenix": ("main", "phoenix")})
FAILED, DONE = End(Outcome.FAILED, "outage", Reason.WALLET_EMPTY), End(Outcome.COMPLETE, "nothing more")
PARKED = Held(Key(Condition.JOB_PARKED, "phoenix"), NOW, 0.0, "refused", 0.0)
SILENT = Held(Key(Condition.VENDOR_SILENT, "main"), NOW + HOUR, 60.0, "for 1 min", 60.0)


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    """An open store."""
    return Hand(tmp_path / "leadsync.db")


def look(hand: Hand) -> Look:
    """How things stand."""
    return hand.do(hand.ledger.look(WATCHED, NOW + HOUR))


def conditions(hand: Hand, later: timedelta = HOUR) -> list[Held]:
    """What is known of conditions after a restart, so long after."""
    hand.close()
    again = Hand(hand.file)
    found = again.do(again.ledger.conditions(NOW + later))
    again.close()
    hand.__post_init__()
    return found


def note(hand: Hand, *held: Held) -> None:
    """Write down what changed."""
    hand.do(hand.ledger.note_conditions(held))


def test_where_nothing_happened_nothing_is_seen(hand: Hand) -> None:
    """An account and a job that the store has never heard of are well, and nothing is claimed of their slots."""
    seen = look(hand)
    assert (seen.doubt, seen.reload_refused, seen.inbox) == (None, None, {"waiting": 0, "quarantined": 0})
    assert [(one.paused, one.billed, one.slots) for one in seen.accounts.values()] == [(None, Spent(), None)] * 2
    job = seen.jobs["phoenix"]
    assert (job.due_at, job.next_at, job.running_since, job.parked) == (None, None, None, None)
    assert (job.last, job.last_run, job.waits) == ((), 0, False)


def test_what_an_account_shows(hand: Hand) -> None:
    """Why it is paused, what it has been billed without what is only reserved, and who holds its slots once known."""
    run_id = hand.run()
    hand.store(hand.key(hand.order(hand.session(), run_id)), run_id, leads(5), 5, new=True)
    hand.key(hand.order(hand.session(), run_id))
    hand.do(hand.ledger.pause("main", Reason.WALLET_EMPTY, "HTTP 403", NOW))
    assert look(hand).accounts["main"].slots is None
    hand.do(hand.ledger.note_listing("main", {}, ROOM, NOW))
    seen = look(hand).accounts["main"]
    assert (seen.paused, seen.billed) == (Reason.WALLET_EMPTY, Spent(5, 5, 5 * PRICE, 5 * PRICE))
    assert seen.slots is not None
    assert seen.slots.used == 1


def test_what_a_job_shows(hand: Hand) -> None:
    """Since when it runs, its park, and its last ends, newest first and no more than three."""
    for ended in (DONE, DONE, FAILED, DONE):
        hand.do(hand.ledger.end_run(hand.run(), ended, 0.0, NOW))
    hand.run()
    hand.do(hand.ledger.park(hand.session().session_id, Reason.REFUSED, "no", NOW))
    job = look(hand).jobs["phoenix"]
    assert (job.running_since, job.parked, job.last, job.last_run) == (NOW, Reason.REFUSED, (DONE, FAILED, DONE), 4)


def test_a_one_shot_is_not_parked_by_a_session_of_its_name(hand: Hand) -> None:
    """That is another job's: its own lives have sessions of their own."""
    hand.do(hand.ledger.park(hand.session().session_id, Reason.REFUSED, "no", NOW))
    one_shot = replace(WATCHED, jobs={"phoenix": ("main", None)})
    assert hand.do(hand.ledger.look(one_shot, NOW)).jobs["phoenix"].parked is None


def test_a_time_is_due_until_its_run_has_ended(hand: Hand) -> None:
    """One that is taken is not planned any more, and not done yet."""
    timing = Timing("phoenix", At(NOW), timedelta(0), makes_up=True)
    slot = hand.do(hand.ledger.next_slot(timing, NOW, 0.0))
    assert slot is not None
    assert (look(hand).jobs["phoenix"].due_at, look(hand).jobs["phoenix"].next_at) == (NOW, NOW)
    hand.do(hand.ledger.take_slot(timing, slot, NOW, 0.0))
    assert (look(hand).jobs["phoenix"].due_at, look(hand).jobs["phoenix"].next_at) == (NOW, None)
    hand.do(hand.ledger.finish_slot(timing, slot, None, unused=False))
    assert look(hand).jobs["phoenix"].due_at is None


@pytest.mark.parametrize(("route", "waits"), [(Route.SESSION, True), (Route.THROWAWAY, True), (Route.ASYNC, False)])
def test_who_waits_for_a_slot_is_told_from_who_waits_for_a_webhook(hand: Hand, route: Route, waits: bool) -> None:
    """By the way that its last run went."""
    run(hand, "phoenix", route)
    assert look(hand).jobs["phoenix"].waits is waits


def test_who_waits_for_a_slot_is_told_by_its_own_last_run(hand: Hand) -> None:
    """One that settles an old session's key is none of its own; for a session that it has no more it does not wait."""
    run(hand, "phoenix")
    run(hand, "phoenix-before", trigger=SETTLING, outcome=Outcome.LIMITED)
    assert look(hand).jobs["phoenix"].waits
    run(hand, "phoenix-before")
    assert not look(hand).jobs["phoenix"].waits


def run(
    hand: Hand,
    session: str,
    route: Route = Route.SESSION,
    trigger: str = "once",
    outcome: Outcome = Outcome.WAITING,
) -> None:
    """A run of the job that has ended."""
    new = NewRun("phoenix", "main", session, route, trigger)
    run_id = hand.do(hand.ledger.begin_run(new, frozenset(), NOW))
    hand.do(hand.ledger.end_run(run_id, End(outcome, ""), 0.0, NOW))


def test_the_whole_stores_troubles_are_seen(hand: Hand) -> None:
    """A reload that was refused stands until one is done, and a doubt until a person has answered."""
    hand.do(hand.ledger.note_reload("jobs.phoenix: no query"))
    assert look(hand).reload_refused == "jobs.phoenix: no query"
    hand.do(hand.ledger.note_reload(None))
    assert look(hand).reload_refused is None
    hand.rows("UPDATE installation SET doubt = 'store_copied' RETURNING id")
    assert look(hand).doubt is Reason.STORE_COPIED


def test_a_jobs_past_is_told_from_its_beginning(hand: Hand) -> None:
    """What each run that has ended brought; not one that runs still, nor another job's."""
    for job, size in (("phoenix", 5), ("other", 3)):
        run_id = hand.run(job)
        hand.store(hand.key(hand.order(hand.session(job), run_id)), run_id, leads(size), size, new=True)
        hand.do(hand.ledger.end_run(run_id, DONE, 0.0, NOW))
    hand.do(hand.ledger.end_run(hand.run(), FAILED, 0.0, NOW))
    hand.run()
    assert hand.do(hand.ledger.past("phoenix")) == [Past(NOW, Outcome.COMPLETE, 5), Past(NOW, Outcome.FAILED, 0)]


def test_a_condition_is_held_over_a_restart(hand: Hand) -> None:
    """With all that was told of it, so that nobody is told twice."""
    told = replace(PARKED, told={"team": Told(NOW, NOW + HOUR)})
    note(hand, told, SILENT)
    assert conditions(hand) == [told, SILENT]
    worse = replace(SILENT, worst=600.0, said=600.0, detail="for 10 min")
    note(hand, worse)
    assert conditions(hand) == [told, worse]


def test_what_is_over_is_known_for_a_day_and_kept_for_three_months(hand: Hand) -> None:
    """A recovery can still be told after a restart; then it is history, and at last it is gone."""
    over = replace(PARKED, gone_at=NOW + HOUR, ended_at=NOW + HOUR)
    note(hand, PARKED)
    note(hand, over, SILENT)
    assert conditions(hand, HOUR) == [over, SILENT]
    assert hand.do(hand.writer.write(open_conditions)) == [SILENT]
    assert conditions(hand, 2 * DAY) == [SILENT]
    assert hand.one("SELECT count(*) FROM condition") == 2
    assert conditions(hand, 91 * DAY) == [SILENT]
    assert hand.one("SELECT count(*) FROM condition") == 1


def test_a_condition_that_comes_again_is_another(hand: Hand) -> None:
    """The one that is over keeps its row."""
    over = replace(PARKED, gone_at=NOW + HOUR, ended_at=NOW + HOUR)
    again = replace(PARKED, began_at=NOW + 2 * HOUR)
    note(hand, over)
    note(hand, again)
    assert conditions(hand, 2 * HOUR) == [over, again]


def test_an_end_and_a_new_begin_are_noted_together(hand: Hand) -> None:
    """In whatever order they come, after a while in which the store could not be written: one of a kind is open."""
    over = replace(PARKED, gone_at=NOW + HOUR, ended_at=NOW + HOUR)
    again = replace(PARKED, began_at=NOW + 2 * HOUR)
    note(hand, PARKED)
    note(hand, again, over)
    assert conditions(hand, 2 * HOUR) == [over, again]


def test_a_condition_of_another_version_is_left_alone(hand: Hand) -> None:
    """Whoever goes back to an older leadsync is not kept from starting by a name that it does not know."""
    note(hand, PARKED, SILENT)
    hand.rows("UPDATE condition SET name = 'of_tomorrow' WHERE subject = 'main' RETURNING id")
    assert conditions(hand) == [PARKED]
