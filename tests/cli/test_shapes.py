"""The names that other people's programs read (design section 8), and the same for a person's eye."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.system.house import NOBODY_LISTENS, House

ACCOUNT = {"name", "state", "reason", "slots", "budget"}
SLOTS = {"used", "cap", "ours", "foreign"}
JOB = {
    "name",
    "kind",
    "enabled",
    "session",
    "state",
    "reason",
    "delivered",
    "vendor_total",
    "last_run",
    "next_run_at",
}
LAST_RUN = {"outcome", "started_at", "ended_at", "pages", "records", "cost"}

STATUS = """\
ACCOUNT  STATE  SLOTS              OURS  FOREIGN  WAITING  FULL ON  BUDGET USED
main     ok     1 of 100, 94 free     1        0        0  unknown  unlimited

JOB      STATE     SESSION  DELIVERED  VENDOR  LAST RUN  ENDED             NEW  COST   NEXT RUN
off      disabled  off              0       -  never     -                   -  -             -
phoenix  idle      phoenix        120     120  complete  (day)      (at)   120  $1.20         -
tampa    parked    tampa            0       -  parked    (day)      (at)     0  $0.00         -

tampa: refused: """

RUNS = (
    "RUN  JOB      TRIGGER  STARTED              OUTCOME   PAGES  RECORDS  NEW  REPLAYS  WAITED  COST   MESSAGE\n"
    "  1  phoenix  once     (day)      (at)      complete      4      120  120        0  0 s     $1.20  "
    "the session has nothing more to deliver\n"
)


@pytest.fixture
def fresh(tmp_path: Path) -> House:
    """A house that was furnished a moment ago: no run, no store."""
    house = House(tmp_path / "house", NOBODY_LISTENS)
    house.job("phoenix")
    return house


def undated(text: str) -> str:
    """Put placeholders of the same width in place of days and times."""
    text = re.sub(r"\d{4}-\d\d-\d\d", "(day)     ", text)
    return re.sub(r"\d\d:\d\d(:\d\d)?", lambda found: "(at)".ljust(len(found[0])), text)


def report(house: House, line: str) -> Any:
    """The JSON of a command that says nothing else."""
    answer = house.say(line)
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["schema_version"] == 1
    return answer.json


def test_status_before_any_run(fresh: House) -> None:
    """Every name is there before there is a store, nothing is known of the vendor, and no store is made."""
    status = report(fresh, "status --json")
    (account,), (job,) = status["accounts"], status["jobs"]
    assert account.keys() >= ACCOUNT
    unknown = dict.fromkeys(("used", "ours", "foreign", "free", "cap_reached_on"))
    assert account["slots"] == {**unknown, "cap": 100, "reserve": 5, "waiting": 0}
    assert job.keys() >= JOB
    assert (job["state"], job["reason"], job["delivered"], job["vendor_total"]) == ("idle", None, 0, None)
    assert (job["last_run"], job["next_run_at"]) == (None, None)
    assert not fresh.store.exists()


def test_nothing_to_show_before_any_run(fresh: House) -> None:
    """An empty history and an empty export are no errors."""
    export = fresh.say("export")
    assert report(fresh, "runs --json")["runs"] == []
    assert fresh.say("runs").out == "no run yet\n"
    assert (export.code, export.out, export.err) == (0, "", "last change: 0\n")


def test_status_after_runs(stocked: House) -> None:
    """The names of design section 8 with their values: books, slots, the last run, and the reason of a park."""
    status = report(stocked, "status --json")
    (account,) = status["accounts"]
    off, phoenix, tampa = status["jobs"]
    assert all(one.keys() >= JOB for one in (off, phoenix, tampa))
    known = {"used": 1, "cap": 100, "ours": 1, "foreign": 0}
    assert account["slots"] == {**known, "reserve": 5, "free": 94, "waiting": 0, "cap_reached_on": None}
    assert account["budget"]["records_day"] == {"spent": 120, "limit": None}
    assert (off["enabled"], off["last_run"]) == (False, None)
    assert (phoenix["kind"], phoenix["session"], phoenix["state"]) == ("incremental", "phoenix", "idle")
    assert phoenix["delivered"] == phoenix["vendor_total"] == 120
    assert phoenix["last_run"].keys() >= LAST_RUN
    assert {key: phoenix["last_run"][key] for key in ("outcome", "pages", "records", "cost")} == {
        "outcome": "complete",
        "pages": 4,
        "records": 120,
        "cost": 1.2,
    }
    assert (tampa["state"], tampa["reason"], tampa["last_run"]["outcome"]) == ("parked", "refused", "parked")


def test_runs_after_runs(stocked: House) -> None:
    """Newest first, of one job where one is named, with the same names as a last run."""
    runs = report(stocked, "runs --json")["runs"]
    (one,) = report(stocked, "runs --json --job phoenix --limit 1")["runs"]
    assert runs[-1] == one
    assert one.keys() >= LAST_RUN | {"run", "job", "reason", "message", "new", "replays"}
    assert one["started_at"] < one["ended_at"]
    assert one["ended_at"].endswith("+00:00")
    assert runs[0]["job"] == "tampa"


def test_status_beside_a_bad_file(stocked: House) -> None:
    """Whoever is woken at night sees the books of the other jobs, and then what is wrong: 78."""
    bad = stocked.folder / "jobs.d" / "zurich.toml"
    bad.write_text("kind = ")
    try:
        shown, known = stocked.say("status"), stocked.say("status --json")
    finally:
        bad.unlink()
    assert (shown.code, known.code) == (78, 78)
    assert undated(shown.out).startswith(STATUS.removesuffix("tampa: refused: "))
    assert f"not shown, since the file is not as it should be: {bad}" in shown.out
    assert shown.err.startswith(f"{bad}:1: is not TOML")
    (problem,) = known.json["problems"]
    assert (problem["file"], problem["line"], problem["key"]) == (str(bad), 1, "")


@pytest.mark.parametrize("line", ["runs --job phoenix", "export --job phoenix", "inbox list", "traces list"])
def test_who_only_looks_is_not_stopped_by_a_bad_job_file(stocked: House, line: str) -> None:
    """A nightly export goes on: what is wrong with another job's file is told beside it, on stderr."""
    good = stocked.say(line)
    bad = stocked.folder / "jobs.d" / "broken.toml"
    bad.write_text("[job")
    try:
        beside = stocked.say(line)
    finally:
        bad.unlink()
    assert (good.code, beside.code) == (0, 0)
    assert beside.out == good.out
    assert beside.err.startswith(f"{bad}:1: is not TOML")
    assert beside.err.endswith(good.err)


def test_status_for_the_eye(stocked: House) -> None:
    """One line an account, one a job, then what waits for a person, and what to do about it; stdout alone."""
    answer = stocked.say("status")
    assert answer.err == ""
    assert undated(answer.out).startswith(STATUS)
    message = undated(answer.out).removeprefix(STATUS)
    assert "quickLists should be an array of strings" in message
    assert "mend the job's file" in message


def test_runs_for_the_eye(stocked: House) -> None:
    """One line a run."""
    assert undated(stocked.say("runs --job phoenix").out) == RUNS


def test_check_says_what_it_has_read(stocked: House) -> None:
    """A good configuration: its accounts and jobs, and no problem."""
    found = report(stocked, "check --json")
    assert (found["ok"], found["problems"]) == (True, [])
    assert (found["accounts"], found["jobs"]) == (["main"], ["off", "phoenix", "tampa"])
    assert stocked.say("check").out == f"{stocked.config}: good: 1 account(s), 3 job(s)\n"


def test_check_lists_problems_by_place(fresh: House) -> None:
    """A wrong one: file, line, key and message of each, on stdout, and 78."""
    fresh.job("phoenix", page_size=501)
    answer = fresh.say("check --json")
    (problem,) = answer.json["problems"]
    assert (answer.code, answer.err, answer.json["ok"], answer.json["schema_version"]) == (78, "", False, 1)
    assert problem.keys() == {"file", "line", "key", "message"}
    assert (Path(problem["file"]).name, problem["line"], problem["key"]) == ("phoenix.toml", 2, "page_size")


def test_check_warns_of_a_secret_that_is_not_there(fresh: House) -> None:
    """What the process will miss at its start is told now; the configuration itself is good."""
    (fresh.folder / "token").unlink()
    (warning,) = report(fresh, "check --json")["warnings"]
    assert (warning["key"], warning["line"]) == ("accounts.main.token", 5)
    assert fresh.say("check").err == f"warning: {warning['file']}:5: accounts.main.token: {warning['message']}\n"
