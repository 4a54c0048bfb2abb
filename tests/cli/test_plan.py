"""`leadsync plan` as a process: alone, beside a daemon, and where the vendor cannot be asked."""

from pathlib import Path
from typing import Any

import pytest

from tests.system.house import NOBODY_LISTENS, House
from tests.system.process import Answer, Vendor

ACCOUNT = {"name", "state", "reason", "message", "unknown", "slots", "budget_left", "at_most", "left_open"} | {
    "housekeeping"
}
JOB = {
    "name",
    "enabled",
    "kind",
    "account",
    "session",
    "route",
    "timezone",
    "jitter_s",
    "next_times",
    "audit",
    "open_key",
    "at_most",
    "slots_needed",
    "parked",
    "no_inbox",
    "overlap",
    "one_shot",
}
UNREACHED = "the session list could not be had (cannot connect)"
LATER = 'cron = "0 6 1 1 *", timezone = "America/Phoenix"'


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two jobs that ask for the same list, of which one has a schedule; the vendor is nobody until a test says who."""
    return furnished(tmp_path / "house", NOBODY_LISTENS)


def furnished(folder: Path, url: str) -> House:
    """That house, with its vendor."""
    house = House(folder, url)
    house.job("phoenix", page_size=50, records_per_run=60, schedule=LATER)
    house.job("twin", page_size=50)
    return house


def jobs_of(answer: Answer) -> dict[str, dict[str, Any]]:
    """The jobs of a plan that was printed as JSON, by name."""
    assert (answer.code, answer.json["schema_version"]) == (0, 1)
    return {job["name"]: job for job in answer.json["jobs"]}


def test_alone(tmp_path: Path) -> None:
    """Every name is there, before any run and after one; nothing is billed, and a person reads the same."""
    with Vendor.open(properties=120) as vendor:
        house = furnished(tmp_path / "house", vendor.url)
        before = jobs_of(house.say("plan --json"))
        unspent = vendor.bill()
        assert house.say("once phoenix").code == 0
        after, words = house.say("plan --json"), house.say("plan")
        spent = vendor.bill()["records"]
    assert (unspent["records"], unspent["sessions"], {seen["key"] for seen in unspent["requests"]}) == (0, {}, {""})
    assert before["phoenix"].keys() == JOB
    assert before["phoenix"]["at_most"] == {"records": 60, "pages": 2, "dollars": 0.6, "limit": "records_per_run"}
    assert [job["slots_needed"] for job in before.values()] == [1, 1]
    (account,) = after.json["accounts"]
    assert account.keys() == ACCOUNT
    assert (account["unknown"], account["slots"]["used"]) == (None, 1)
    assert [job["slots_needed"] for job in jobs_of(after).values()] == [0, 0]
    assert jobs_of(after)["twin"]["audit"]["reason"] == "criteria_known"
    assert "twin: would park: criteria_known: " in words.out
    assert "`leadsync resume twin --accept`" in words.out
    assert (words.code, spent) == (0, 60)


def test_beside_a_daemon(tmp_path: Path) -> None:
    """The daemon answers what it would answer alone, runs nothing for it, and nothing of its log is shown."""
    with Vendor.open(properties=120) as vendor:
        house = furnished(tmp_path / "house", vendor.url)
        house.job("busy", search='query = "TX"', schedule='every = "1s"')
        assert house.say("once phoenix busy").code == 0
        alone = jobs_of(house.say("plan --json"))
        with house.daemon() as daemon:
            assert daemon.saw("run.ended", job="busy")
            answer = house.say("plan --json")
            assert daemon.saw("command.received", command="plan")
            assert daemon.saw("run.ended", 2, job="busy")
            house.job("twin", page_size=20)
            changed = house.say("plan")
        assert vendor.bill()["by_session"].keys() == {"phoenix", "busy"}
    beside = jobs_of(answer)
    assert answer.err == ""
    assert beside["twin"] == alone["twin"]
    assert beside["phoenix"]["next_times"][0].pop("planned") is True
    assert alone["phoenix"]["next_times"][0].pop("planned") is False
    assert beside["phoenix"] == alone["phoenix"]
    assert (changed.code, changed.out) == (78, "")
    assert "job twin " in changed.sentence()


def test_a_vendor_that_cannot_be_reached_is_a_sentence(house: House) -> None:
    """Alone and beside a daemon: exit 0, the reason, and whatever can be said without the vendor."""
    alone = house.say("plan --json")
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        beside, words = house.say("plan --json"), house.say("plan")
    for answer in (alone, beside):
        assert [account["unknown"] for account in answer.json["accounts"]] == [UNREACHED]
        phoenix, twin = jobs_of(answer).values()
        assert phoenix["audit"] == twin["audit"] == {"verdict": "unknown", "reason": None, "message": UNREACHED}
        assert (phoenix["at_most"]["records"], phoenix["slots_needed"]) == (60, None)
    assert words.code == 0
    assert f"main: {UNREACHED}; what the audit would say is unknown" in words.out


def test_one_account_does_not_wait_for_another(tmp_path: Path) -> None:
    """Each has what can be said of it, though the vendor of one cannot be reached."""
    with Vendor.open(properties=10) as vendor:
        house = House(tmp_path / "house", vendor.url, furnished=True)
        house.job("phoenix", account="main")
        house.job("tampa", account="agency")
        config = house.config.read_text()
        agency = (
            config[config.index("[accounts.main]") :].replace(".main]", ".agency]").replace(vendor.url, NOBODY_LISTENS)
        )
        house.config.write_text(config + agency)
        answer = house.say("plan --json")
    assert {account["name"]: account["unknown"] for account in answer.json["accounts"]} == {
        "main": None,
        "agency": UNREACHED,
    }
    assert [job["audit"]["verdict"] for job in jobs_of(answer).values()] == ["go_on", "unknown"]


def test_disabled_and_parked_jobs_are_shown(stocked: House) -> None:
    """One asks for nothing; the other waits, and what a person types is said."""
    jobs = jobs_of(stocked.say("plan --json"))
    words = stocked.say("plan").out
    off, tampa = jobs["off"], jobs["tampa"]
    assert (off["enabled"], off["audit"], off["slots_needed"], off["at_most"]["records"]) == (False, None, 0, 0)
    assert (tampa["audit"]["verdict"], tampa["audit"]["reason"]) == ("park", "refused")
    assert tampa["audit"]["message"] == tampa["parked"]["message"]
    assert tampa["parked"]["message"].endswith("; mend the job's file, then `leadsync resume tampa`")
    (line,) = (line for line in words.splitlines() if line.startswith("tampa: "))
    assert line == f"tampa: refused: {tampa['parked']['message']}"


def test_what_cannot_be_opened_is_answered_as_by_once(house: House) -> None:
    """A token that is missing is 78 with its place; beside another `once` it is 75."""
    (house.folder / "token").rename(house.folder / "elsewhere")
    refused = [house.say(line) for line in ("plan", "once phoenix")]
    (house.folder / "elsewhere").rename(house.folder / "token")
    assert [(answer.code, answer.out) for answer in refused] == [(78, "")] * 2
    assert refused[0].sentence() == refused[1].sentence()
    with house.start("phoenix") as once:
        assert once.saw("audit.delayed")
        busy = house.say("plan")
    assert (busy.code, busy.out) == (75, "")
    assert f"(process {once.pid})" in busy.sentence()
