"""`leadsync traces` as a person gives it, beside a daemon and without one: each answer says what it means."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from leadsync.core.subjects import Place, Subject
from leadsync.simulator import API_KEY
from leadsync.store.trace_subjects import subject_as
from tests.system.house import ALL, NOBODY_LISTENS, House
from tests.system.mail import with_door

PAT = Subject(Place("9 Elm St", "Mesa", "AZ", "85201"), None, "Pat", "Doe")
TABLES = f"""
[skip_trace]
api_key = {{ file = "reapi-key" }}
base_url = "{NOBODY_LISTENS}"
budget = {{ dollars_per_month = 5 }}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house with a skip trace, whose store has one batch that nobody has answered, and is paused."""
    house = House(tmp_path_factory.mktemp("traces") / "house", NOBODY_LISTENS, more=TABLES, furnished=True)
    with_door(house)
    (house.folder / "reapi-key").write_text(API_KEY)
    (house.folder / "reapi-key").chmod(0o600)
    house.job("phoenix", search=f"{ALL}\n[skip_trace]\nenabled = true")
    assert house.say("plan --json").code == 0
    stock(house.store)
    return house


def stock(file: Path) -> None:
    """Enter what an earlier day has left."""
    at = "2026-11-02 06:00:00.000000"
    with closing(sqlite3.connect(file)) as store, store:
        store.execute("INSERT INTO trace_desk (id, paused_reason, paused_message) VALUES (1, 'refused', 'bad request')")
        values = ("1-1", "batch", 1, 10, 0, 0, 10, 3_000, 100_000, "0" * 64, "settled", at, at, at)
        names = "name, route, fence, items, matched, missed, missing, size_bytes, price_micros, key_digest, state"
        marks = ",".join("?" * len(values))
        batch = f"INSERT INTO trace_batch ({names}, asked_at, deadline_at, settled_at) VALUES ({marks})"  # noqa: S608 - our own names
        store.execute(batch, values)
        for number in range(1, 11):
            subject = (number, f"identity {number}", "p", subject_as(PAT), "missing", at)
            store.execute(
                "INSERT INTO trace_subject (id, identity, property, sent, state, wanted_at) VALUES (?,?,?,?,?,?)",
                subject,
            )
            item = "INSERT INTO trace_item (batch_id, key, subject_id, state) VALUES (1, ?, ?, 'missing')"
            store.execute(item, (number, number))


def test_the_list_for_a_program_and_for_the_eye(house: House) -> None:
    """What is missing, of which batch, and the way out; nobody's name."""
    shown = house.say("traces list --json").json
    assert [(one["batch"], one["missing"], one["open"]) for one in shown["batches"]] == [("1-1", 10, 0)]
    assert shown["skip_trace"]["owners"]["missing"] == 10
    assert shown["skip_trace"]["budget"]["dollars_month"]["limit"] == 5.0
    words = house.say("traces list").out
    assert "skip trace: refused: bad request; `leadsync traces resume` ends the pause" in words
    assert "10 owners had no answer in time" in words
    assert "refused: bad request" in house.say("status").out


def test_without_a_daemon_each_word_is_carried_out_here(house: House) -> None:
    """What is wrong is a usage error that says what to do, and changes nothing."""
    nobody = house.say("traces again 1-7")
    assert (nobody.code, "nobody is missing there" in nobody.err) == (2, True)
    strange = house.say("traces older tampa")
    assert (strange.code, "owners of tampa are not found" in strange.err) == (2, True)
    older = house.say("traces older phoenix")
    assert (older.code, "the owners of all 0 properties that phoenix has delivered" in older.out) == (0, True)


def test_the_daemon_carries_it_out_where_one_has_the_store(house: House) -> None:
    """`again` says that it may cost twice, `resume` that it goes on; said twice, there is nothing left to do."""
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        again = house.say("traces again")
        assert (again.code, again.out.startswith("10 owners are asked for again")) == (0, True)
        assert "may be billed twice" in again.out
        assert house.say("traces resume").code == 0
        assert daemon.saw("trace.returned")
        fine = house.say("traces resume")
        assert (fine.code, "is not paused" in fine.err) == (2, True)
        daemon.send(signal.SIGTERM)
        assert daemon.end().code == 0
    assert json.dumps(house.rows("SELECT state FROM trace_batch ORDER BY id")[-1]) == '["void"]'


def test_without_a_skip_trace_there_is_nothing_to_say(tmp_path: Path) -> None:
    """The list says so, and a word is refused."""
    plain = House(tmp_path / "house", NOBODY_LISTENS, furnished=True)
    plain.job("phoenix")
    assert "there is no [skip_trace]" in plain.say("traces list").out
    refused = plain.say("traces again")
    assert (refused.code, "there is no [skip_trace]" in refused.err) == (2, True)
