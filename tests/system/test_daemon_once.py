"""`once` beside a daemon is carried out by it: the same answers as alone, the log lines of its own jobs, one writer."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.house import PAST, House
from tests.system.process import Answer, Running, Vendor

SOON_S = 20.0


@pytest.fixture
def daemon(house: House) -> Iterator[Running]:
    """The daemon of the house, at work; `phoenix` has no schedule unless a test gives it one."""
    with house.daemon() as daemon:
        assert daemon.saw("daemon.started")
        yield daemon


def stop(daemon: Running) -> Answer:
    """Stop it in order."""
    daemon.send(signal.SIGTERM)
    answer = daemon.end(SOON_S)
    assert (answer.code, answer.log[-1]["event"]) == (0, "daemon.stopped")
    return answer


def told(house: House) -> list[Answer]:
    """What `once` answers for a job that completes, and then for that and one that parks."""
    return [house.say(f"once {names}") for names in ("phoenix", "twin phoenix")]


def own_lines(answer: Answer) -> list[tuple[str, str]]:
    """The lines that tell of runs and pages, by job; side by side they come in no order."""
    return sorted((line["job"], line["event"]) for line in answer.log if line["event"].startswith(("run.", "page.")))


def furnished(folder: Path, vendor: Vendor) -> House:
    """Two jobs with the same criteria, of which the second parks, and one that the daemon runs all the time."""
    house = House(folder, vendor.url, furnished=True)
    house.job("phoenix", page_size=50)
    house.job("twin", page_size=50)
    house.job("busy", search='query = "TX"', schedule='every = "1s"')
    return house


def test_it_answers_as_it_does_alone(tmp_path: Path) -> None:
    """Stdout, exit codes and the jobs' own log lines are the same beside a daemon; no other job's are among them."""
    with Vendor.open(properties=120) as vendor:
        alone = told(furnished(tmp_path / "alone", vendor))
    with Vendor.open(properties=120) as vendor:
        house = furnished(tmp_path / "beside", vendor)
        with house.daemon() as daemon:
            assert daemon.saw("run.ended", job="busy")
            beside = told(house)
            unknown = house.say("once phoenx")
            assert daemon.saw("run.ended", 3, job="busy")
    assert [answer.code for answer in beside] == [answer.code for answer in alone] == [0, 1]
    assert [answer.out for answer in beside] == [answer.out for answer in alone]
    assert [own_lines(answer) for answer in beside] == [own_lines(answer) for answer in alone]
    lines = [line for answer in beside for line in answer.log]
    assert {line.get("job") for line in lines} <= {"phoenix", "twin", None}
    assert {"run.started", "page.stored", "job.parked", "run.ended"} <= {line["event"] for line in lines}
    assert not {"store.opened", "command.received"} & {line["event"] for line in lines}
    assert (unknown.code, unknown.out) == (2, "")
    assert "no job phoenx (did you mean phoenix?)" in unknown.sentence()


def test_it_waits_for_the_run_under_way(house: House, vendor: Vendor) -> None:
    """While the job runs by its schedule a command waits, and then the job runs once more, for the command."""
    house.job("phoenix", page_size=50, schedule=PAST)
    vendor.next(*["bad_gateway"] * 50)
    with house.daemon() as daemon:
        assert daemon.saw("reply.lost")
        with house.start("phoenix") as client:
            assert daemon.saw("command.received", command="once")
            vendor.calm()
            answer = client.end(SOON_S)
        stop(daemon)
    assert (answer.code, answer.out.split(": ")[:2]) == (0, ["phoenix", "complete"])
    runs = house.rows("SELECT trigger, outcome, records FROM run ORDER BY id")
    assert runs == [("schedule", "complete", 120), ("once", "complete", 0)]


def test_a_daemon_that_is_killed_is_missed(house: House, vendor: Vendor, daemon: Running) -> None:
    """The command ends with 1 and one sentence that says what became of its work; the next one goes on."""
    vendor.next("hang")
    with house.start("phoenix") as client:
        assert client.saw("page.asked")
        assert vendor.has_billed()
        daemon.send(signal.SIGKILL)
        answer = client.end(SOON_S)
    assert (answer.code, answer.out) == (1, "")
    assert "the daemon ended before it answered" in answer.sentence()
    assert "leadsync status" in answer.sentence()
    assert house.say("once phoenix").code == 0
    assert vendor.bill()["records"] == house.one("SELECT count(*) FROM delivery") == 120


def test_a_daemon_that_is_stopped_says_how_it_ended(house: House, vendor: Vendor, daemon: Running) -> None:
    """A stop finishes the page of a command too, and the command tells: interrupted, exit 1."""
    vendor.slow(1.0)
    vendor.next("slow")
    with house.start("phoenix") as client:
        assert client.saw("page.asked")
        assert vendor.has_billed()
        stop(daemon)
        answer = client.end(SOON_S)
    assert (answer.code, answer.out) == (1, "phoenix: interrupted: leadsync was asked to stop\n")
    assert len(answer.logged("page.stored")) == 1
    assert not house.open_keys()


def test_who_goes_away_stops_nothing(house: House, vendor: Vendor, daemon: Running) -> None:
    """A command that is left by Ctrl-C, or killed, is carried out to its end, and the daemon says nothing of it."""
    vendor.slow(1.0)
    for end, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        vendor.next("slow")
        with house.start("phoenix") as client:
            assert client.saw("page.asked")
            client.send(end)
            assert client.end(SOON_S).code == code
        assert daemon.saw("run.ended", outcome="complete")
    assert not stop(daemon).logged("log.line")
    assert house.one("SELECT count(*) FROM delivery") == 120


def test_a_file_that_the_daemon_has_not_read_is_not_run(house: House, daemon: Running) -> None:
    """It would run something else than what the operator sees: 78, nothing is done, and the way out is a reload."""
    house.job("phoenix", page_size=20, search='query = "TX"')
    answer = house.say("once phoenix")
    assert (answer.code, answer.out) == (78, "")
    assert "job phoenix" in answer.sentence()
    assert "nothing was done. Reload it (systemctl reload" in answer.sentence()
    assert not stop(daemon).logged("run.started")


def test_a_command_at_the_start_is_not_lost(house: House) -> None:
    """Whatever moment of a daemon's start it meets: it is carried out, or told to try again (75)."""
    with house.daemon() as daemon:
        assert daemon.saw("store.opened")
        answer = house.say("once phoenix")
        assert daemon.saw("daemon.started")
        stop(daemon)
    assert answer.code in {0, 75}
    assert answer.code == 0 or "again" in answer.sentence()
