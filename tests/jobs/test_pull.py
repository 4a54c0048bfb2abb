"""A pull in fair weather and in each position of the vendor's open questions: everything arrives, once."""

from collections.abc import Callable
from itertools import product

import pytest
import structlog

from leadsync.catalogue import CATALOGUE
from leadsync.core.model import Outcome
from leadsync.events import COMMAND_CRASHED
from leadsync.simulator import Fault
from tests.jobs.books import assert_books_agree
from tests.stage import PERSONAL, TOKEN, Stage

Build = Callable[..., Stage]

SWITCHES = [
    {"totals_count_page": counts, "replay_total": total, "replay_says_new": new, "end": end, "short_page_rate": short}
    for counts, total, new, end, short in product(
        (True, False), ("own", "current"), (True, False), ("no_cursor", "cursor_stays"), (0.0, 0.4)
    )
]


def _position(switches: dict[str, object]) -> str:
    return "-".join(str(value) for value in switches.values())


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("short", [0.0, 0.3])
def test_everything_arrives_once(build: Build, counts: bool, short: float) -> None:
    """1,234 properties arrive once, a second run bills nothing, and ten new ones bring ten."""
    stage = build(size=1_234, totals_count_page=counts, short_page_rate=short)
    stage.job()
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == stage.one("SELECT count(DISTINCT vendor_id) FROM property") == 1_234
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 1_234
    stage.sim.grow(10)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == stage.one("SELECT count(*) FROM delivery") == 1_244
    assert_books_agree(stage)


@pytest.mark.parametrize("switches", SWITCHES, ids=_position)
def test_every_reading_of_the_vendor_is_right(build: Build, switches: dict[str, object]) -> None:
    """Whatever the vendor's open questions turn out to be, lost replies and new properties keep the books straight."""
    stage = build(size=230, **switches)
    stage.job(page_size=50)
    stage.sim.faults.next(Fault.CUT_AFTER, Fault.CUT_AFTER, None, Fault.HTML_200, None, None, Fault.HANG)
    assert stage.end().outcome is Outcome.COMPLETE
    assert_books_agree(stage)
    stage.sim.grow(60)
    stage.sim.faults.next(Fault.TRUNCATED)
    assert stage.end().outcome is Outcome.COMPLETE
    assert stage.sim.bill.records == 290
    assert_books_agree(stage)


@pytest.mark.parametrize("counts", [True, False])
def test_the_reading_of_totals_is_learned_once(build: Build, counts: bool) -> None:
    """The first fresh page of a new session shows how totals are counted; that is logged once and kept."""
    stage = build(totals_count_page=counts)
    stage.job()
    stage.once("phoenix")
    stage.once("phoenix")
    assert stage.one("SELECT counts_own FROM account") == counts
    assert len(stage.logged("vendor.learned")) == 1


def test_another_reading_of_totals_is_drift(build: Build) -> None:
    """A vendor that starts to count otherwise parks the job, after one page and before another cent (P8)."""
    stage = build(size=500)
    stage.job(records_per_run=200)
    assert stage.end().outcome is Outcome.LIMITED
    stage.sim.switches = type(stage.sim.switches)(totals_count_page=False)
    end = stage.end()
    assert (end.outcome, end.reason) == (Outcome.PARKED, "session_drifted")
    assert stage.sim.bill.records == 300


def test_a_page_is_in_the_store_as_it_came(build: Build) -> None:
    """The stored bytes are the vendor's, byte for byte."""
    stage = build(size=30)
    stage.job()
    stage.once("phoenix")
    world = stage.sim.world
    came = {world.record(index) for index in range(30)}
    assert {body for (body,) in stage.rows("SELECT body FROM delivery")} == came


@pytest.mark.parametrize("after", [None, Fault.CUT_AFTER])
def test_json_that_decoders_refuse_is_kept_whole(build: Build, after: Fault | None) -> None:
    """A page with lone surrogates, NaN, 1e999 and 100,000 levels is stored raw, under its id."""
    stage = build(size=30)
    stage.job(page_size=10)
    # The key is answered with odd bytes the first time, or after a lost reply with the ones of the replay.
    stage.sim.faults.next(*([after] if after else []), Fault.ODD_JSON)
    assert stage.end().outcome is Outcome.COMPLETE
    (body,) = [body for (body,) in stage.rows("SELECT body FROM delivery") if b"NaN" in body]
    assert b'"remarks":"\\ud800","numbers":[NaN,1e999],"deep":' + b"[" * 100_000 + b"]" * 100_000 in body
    assert body.endswith(stage.sim.world.record(0)[1:])
    assert_books_agree(stage)


def test_every_run_has_one_closing_line(build: Build) -> None:
    """Each run that began ends with exactly one line, whose figures are those of the store (P12)."""
    stage = build(size=250)
    stage.job()
    stage.job("tucson", search='query = "Tucson, AZ"')
    stage.sim.faults.next(Fault.CUT_AFTER, None, Fault.MALFORMED)
    stage.once("phoenix", "tucson")
    stage.once("phoenix", "tucson")
    kept = stage.rows("SELECT id, job, outcome, reason, message, pages, records, new, replays FROM run ORDER BY id")
    fields = ("run", "job", "outcome", "reason", "message", "pages", "records", "new", "replays")
    told = [tuple(line[field] for field in fields) for line in stage.logged("run.ended")]
    assert len(kept) == 4
    assert sorted(told) == kept
    assert [line["run"] for line in stage.logged("run.started")] == [row[0] for row in kept]


def test_a_traceback_tells_no_secret(build: Build) -> None:
    """Whatever an error's text holds, a line with its traceback shows no token, no phone and no e-mail (P11)."""
    stage = build(size=40)
    stage.job()

    async def act() -> None:
        async with stage.app("phoenix") as app:
            await app.once(["phoenix"])
            try:
                int(f"{TOKEN} 602-555-0142 thea.rowe.7@example.com /hooks/c0ffee?key=c0ffee")
            except ValueError:
                structlog.get_logger().exception(COMMAND_CRASHED, error="crashed")

    stage.play(act())
    (line,) = stage.logged(COMMAND_CRASHED)
    assert "Traceback" in line["exception"]
    for canary in (TOKEN, "602-555", "@example.com", "c0ffee"):
        assert canary not in stage.log.getvalue()
    # The canaries were really there to be leaked.
    assert any(PERSONAL.search(body.decode()) for (body,) in stage.rows("SELECT body FROM delivery"))


def test_every_line_has_the_fields_that_the_catalogue_promises(build: Build) -> None:
    """What an entry of the catalogue lists, its lines have: people write alerts against it."""
    stage = build(size=250)
    stage.job()
    stage.sim.faults.next(Fault.CUT_AFTER, Fault.RATE_LIMITED, None, Fault.NO_TOKEN, None, Fault.MALFORMED)
    stage.sim.list_faults.next(Fault.BAD_GATEWAY)
    stage.once("phoenix")
    stage.once("phoenix")
    missing = {
        (line["event"], field) for line in stage.lines for field in CATALOGUE[line["event"]].fields if field not in line
    }
    assert not missing
