"""What a script or a unit file reads: the exit codes of design section 8, and where the configuration is found."""

from pathlib import Path

import pytest

from tests.system.house import House
from tests.system.process import run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("frobnicate",), "No such command 'frobnicate'"),
        (("once",), "Missing argument"),
        (("status", "--yaml"), "No such option: --yaml"),
        (("export", "--since", "-1"), "--since"),
        (("export", "--format", "xml"), "--format"),
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
