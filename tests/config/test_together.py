"""What only shows when all job files lie side by side."""

from pathlib import Path

import pytest

from tests.config.files import ACCOUNT, job, loaded, refused, told, write

TWO_ACCOUNTS = ACCOUNT + ACCOUNT.replace("main", "second")
OTHER = 'query = "Mesa, AZ"'


def test_two_enabled_jobs_on_one_session(tmp_path: Path) -> None:
    """One page cannot be two jobs': both files are pointed at, and each names the other."""
    problems = refused(write(tmp_path, a=job(), b=job('session = "a"', search=OTHER)))
    assert told(problems) == [("a.toml", 0, "session"), ("b.toml", 2, "session")]
    assert problems[0].message.startswith("is the session of b too")
    assert problems[1].message.startswith("is the session of a too")


def test_a_disabled_job_may_share_a_session(tmp_path: Path) -> None:
    """A job that does not run is in nobody's way."""
    jobs = loaded(tmp_path, a=job("enabled = false"), b=job('session = "a"', search=OTHER)).jobs
    assert jobs["a"].session == jobs["b"].session


def test_the_same_session_of_two_accounts_is_two_sessions(tmp_path: Path) -> None:
    """Sessions belong to a team."""
    jobs = loaded(
        tmp_path,
        TWO_ACCOUNTS,
        a=job('account = "main"', 'session = "s"'),
        b=job('account = "second"', 'session = "s"'),
    ).jobs
    assert (jobs["a"].account, jobs["b"].account) == ("main", "second")


def test_an_account_must_be_chosen_where_there_are_several(tmp_path: Path) -> None:
    """Which team pays is never guessed."""
    (problem,) = refused(write(tmp_path, TWO_ACCOUNTS, a=job()))
    assert problem.key == "account"
    assert problem.message == "is missing: there are several accounts, so write main or second"


def test_an_unknown_account_is_answered_with_the_near_one(tmp_path: Path) -> None:
    """A typo in the account's name says which accounts there are."""
    (problem,) = refused(write(tmp_path, TWO_ACCOUNTS, a=job('account = "mian"')))
    assert (problem.line, problem.key) == (2, "account")
    assert problem.message.endswith("there is main or second (did you mean main?)")


def test_a_broken_config_does_not_make_accounts_unknown(tmp_path: Path) -> None:
    """Where config.toml cannot be read, the jobs are not blamed for it."""
    assert told(refused(write(tmp_path, "[accounts.main", a=job('account = "main"')))) == [("config.toml", 1, "")]


def test_the_same_criteria_twice_is_a_warning(tmp_path: Path) -> None:
    """A list that would be bought twice is told before the second run parks."""
    (warning,) = loaded(tmp_path, a=job(), b=job()).warnings
    assert (Path(warning.file).name, warning.line, warning.key) == ("b.toml", 2, "search")
    assert "that of a:" in warning.message
    assert "criteria_known" in warning.message
    assert "buy_again = true" in warning.message


@pytest.mark.parametrize(
    "second",
    [
        job("buy_again = true"),
        job("enabled = false"),
        job(search=OTHER),
        job(rest='[options]\nsort = { field = "f", sortOrder = "asc" }'),
        job("enabled = false", 'session = "a"'),
    ],
    ids=["wanted", "disabled", "criteria", "sort", "session"],
)
def test_what_is_not_the_same_list_twice(tmp_path: Path, second: str) -> None:
    """No warning where it is wanted, does not run, differs in criteria or sort, or is the same session."""
    assert loaded(tmp_path, a=job(), b=second).warnings == ()


def test_a_successor_on_the_same_session_is_no_second_list(tmp_path: Path) -> None:
    """A job that takes over a disabled one's session goes on with its list."""
    assert loaded(tmp_path, a=job("enabled = false"), b=job('session = "a"')).warnings == ()


def test_other_options_do_not_make_another_list(tmp_path: Path) -> None:
    """What is shown of a record does not change which records are bought."""
    second = job(rest='[options]\ndateFormat = "iso-date"')
    assert len(loaded(tmp_path, a=job(), b=second).warnings) == 1


def test_the_same_criteria_for_two_accounts_is_no_warning(tmp_path: Path) -> None:
    """Two teams buy for themselves."""
    jobs = {"a": job('account = "main"'), "b": job('account = "second"')}
    assert loaded(tmp_path, TWO_ACCOUNTS, **jobs).warnings == ()
