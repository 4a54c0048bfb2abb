"""What a script or a unit file reads: the exit codes of design section 8, and where the configuration is found."""

import subprocess
from pathlib import Path
from unittest import mock

import pytest
import typer

from leadsync.cli.answers import answering, ask_first
from tests.system.house import House
from tests.system.process import command, environment, run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("frobnicate",), "No such command 'frobnicate'"),
        (("once",), "Missing argument"),
        (("status", "--yaml"), "No such option: --yaml"),
        (("export", "--since", "-1"), "--since"),
        (("export", "--format", "xml"), "--format"),
        (("export", "--since", "9223372036854775808"), "--since"),
        (("runs", "--limit", "9223372036854775808"), "--limit"),
        (("inbox", "show", "9223372036854775808"), "less than or equal to"),
        (("inbox", "release", "1", "9223372036854775808"), "less than or equal to"),
        (("events", "page.stord"), "did you mean page.stored?"),
        (("schema", "jobs"), "'jobs' is not one of 'config', 'job'"),
    ],
)
def test_a_misused_command_is_2(arguments: tuple[str, ...], words: str) -> None:
    """The complaint is on stderr, and names what is wrong."""
    answer = run(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("once phoenx", "there is no job phoenx (did you mean phoenix?)"),
        ("once phoenix nonsense", "there is no job nonsense;"),
        ("once off", "job off is disabled; set enabled = true"),
        ("once phoenix --again", "job phoenix is no one-shot, so --again means nothing"),
        ("runs --job phoenx", "did you mean phoenix?"),
        ("export --job phoenx", "did you mean phoenix?"),
    ],
)
def test_an_unknown_or_disabled_job_is_2(stocked: House, line: str, words: str) -> None:
    """A typo is never taken for a job that has nothing new."""
    answer = stocked.say(line)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.sentence()


def test_a_job_that_cannot_go_on_is_1(stocked: House) -> None:
    """A parked job ends the command with 1 and its reason, and asks nobody."""
    answer = stocked.say("once tampa")
    assert answer.code == 1
    assert answer.out.startswith("tampa: parked: ")
    assert "quickLists should be an array of strings" in answer.out


def test_a_wrong_configuration_is_78(tmp_path: Path) -> None:
    """All problems of all files, each with its place, as an editor wants them."""
    house = House(tmp_path / "house", "http://example.com")
    house.job("phoenix", page_sise=10)
    answer = house.say("check")
    assert (answer.code, answer.out) == (78, "")
    assert [line.partition(": ")[0] for line in answer.err.splitlines()] == [
        f"{house.config}:7",
        f"{house.folder}/jobs.d/phoenix.toml:3",
    ]
    assert "(did you mean page_size?)" in answer.err


def test_the_configuration_is_named_by_option_or_environment(stocked: House, tmp_path: Path) -> None:
    """--config stands after the sub-command, and beats $LEADSYNC_CONFIG."""
    by_environment = run("check", LEADSYNC_CONFIG=str(stocked.config))
    by_option = run("check", "--config", stocked.config, LEADSYNC_CONFIG=str(tmp_path / "none.toml"))
    missing = run("check", LEADSYNC_CONFIG=str(tmp_path / "none.toml"))
    assert (by_environment.code, by_environment.out) == (0, by_option.out)
    assert f"{stocked.config}: good" in by_option.out
    assert missing.code == 78
    assert f"{tmp_path}/none.toml: does not exist" in missing.err


@pytest.mark.parametrize("end", [KeyboardInterrupt, EOFError])
def test_who_walks_away_from_a_question_has_said_no(
    end: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C or Ctrl-D where a deletion is asked about: nothing is done, and nothing has crashed."""
    with mock.patch("sys.stdin.readline", side_effect=end), pytest.raises(typer.Exit) as ended, answering():
        ask_first("Delete 3 sessions?", yes=False)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err.split() == ["nothing", "was", "done"]


def test_an_answer_that_finds_no_room_is_no_crash() -> None:
    """A report that is led to a full disk: one sentence and exit 1."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            command("events"), stdout=full, stderr=subprocess.PIPE, check=False, encoding="utf-8", env=environment()
        )
    assert (ended.returncode, ended.stderr) == (
        1,
        "leadsync: the answer cannot be written (No space left on device); what was done is done\n",
    )


def test_a_closed_stderr_keeps_nothing_from_being_done(stocked: House) -> None:
    """Who starts it from a script may close what nobody reads: the job is begun all the same."""
    line = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", *command("once", "tampa", "--config", stocked.config)]
    ended = subprocess.run(line, stdout=subprocess.PIPE, check=False, encoding="utf-8", env=environment())
    assert ended.stdout.startswith("tampa: parked: ")
