"""The files themselves: missing, unreadable, broken or misnamed, each is one line that says what to do."""

import os
from pathlib import Path

import pytest

from leadsync.config import load, load_whole_files
from leadsync.errors import ConfigInvalid
from tests.config.files import ACCOUNT, account, job, loaded, refused, told, write


def test_the_least_configuration_loads(tmp_path: Path) -> None:
    """A token, a budget and one job with its criteria are enough."""
    settings = loaded(tmp_path, a=job())
    assert settings.path == tmp_path / "config.toml"
    assert settings.jobs["a"].account == "main"
    assert settings.warnings == ()


def test_who_only_looks_gets_what_the_other_files_say(tmp_path: Path) -> None:
    """Each bad job file is left out and its problems named, also where only two together are wrong."""
    other = 'query = "Tampa, FL"'
    path = write(tmp_path, a=job(), b=job('session = "a"', search=other), c="kind = ", d=job("pagesize = 3"), e=job())
    settings, problems = load_whole_files(path, {})
    assert list(settings.jobs) == ["e"]
    assert told(problems) == [
        ("a.toml", 0, "session"),
        ("b.toml", 2, "session"),
        ("c.toml", 1, ""),
        ("d.toml", 2, "pagesize"),
    ]
    assert problems == refused(path)


def test_without_the_main_file_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    """Where the store is, and whose the budget: then all problems are named, and nothing else."""
    path = write(tmp_path, account("sesion_cap = 5"), a=job("pagesize = 3"))
    with pytest.raises(ConfigInvalid) as invalid:
        load_whole_files(path, {})
    assert told(invalid.value.problems) == [("config.toml", 5, "accounts.main.sesion_cap"), ("a.toml", 2, "pagesize")]


def test_a_missing_file_says_how_to_name_another(tmp_path: Path) -> None:
    """Where no file is, the operator learns of --config."""
    (problem,) = refused(tmp_path / "none.toml")
    assert str(problem) == f"{tmp_path}/none.toml: does not exist: create it, or name another with --config FILE"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What cannot be read is a problem, not a traceback."""
    path = write(tmp_path)
    (tmp_path / "jobs.d" / "a.toml").mkdir()
    (problem,) = refused(path)
    assert problem.message == "cannot be read: is a directory"


def test_a_file_as_job_folder_is_a_problem(tmp_path: Path) -> None:
    """Also the folder of jobs may be something else."""
    (tmp_path / "config.toml").write_text(ACCOUNT)
    (tmp_path / "jobs.d").write_text("")
    (problem,) = refused(tmp_path / "config.toml")
    assert (problem.file, problem.message) == (f"{tmp_path}/jobs.d", "cannot be read: not a directory")


def test_no_jobs_is_a_warning(tmp_path: Path) -> None:
    """A daemon without jobs is quiet, so that is said."""
    (tmp_path / "config.toml").write_text(ACCOUNT)
    (warning,) = load(tmp_path / "config.toml", {}).warnings
    assert warning.file.endswith("jobs.d")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = \n", 1),
        ("a = 1\nb = sk-live-1\n", 2),
        ("a = 1\na = 2\n", 2),
        ("\n\na = [1,\n", 3),
        ('a = """\nb', 2),
    ],
)
def test_broken_toml_has_its_line(tmp_path: Path, text: str, line: int) -> None:
    """A syntax error is one problem on its line, and the other files are still read."""
    problems = refused(write(tmp_path, account("bugdet = 1"), a=text))
    assert told(problems) == [("a.toml", line, ""), ("config.toml", 5, "accounts.main.bugdet")][::-1]
    assert "is not TOML" in problems[1].message


@pytest.mark.parametrize("raw", [b"\n\xff = 1\n", b"\na = 'caf\xe9'"])
def test_a_file_in_another_encoding_has_its_line(tmp_path: Path, raw: bytes) -> None:
    """TOML is UTF-8; an old editor's file says so."""
    path = write(tmp_path)
    path.write_bytes(raw)
    (problem,) = refused(path)
    assert (problem.line, problem.message) == (2, "is not UTF-8: save the file as UTF-8")


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a = " + "[" * 5000, "a = " + "[" * 5000 + "]" * 5000], ids=["digits", "open", "deep"]
)
def test_absurd_toml_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    """What breaks the reader itself is still one problem."""
    (problem,) = refused(write(tmp_path, text))
    assert "is not TOML" in problem.message


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A file that cannot be a configuration is not taken into memory."""
    (problem,) = refused(write(tmp_path, "#" * 2_000_000))
    assert "larger than" in problem.message


def test_criteria_may_not_be_nested_without_end(tmp_path: Path) -> None:
    """Dotted keys nest deeper than anything can print, so that is refused before it is tried."""
    problems = refused(write(tmp_path, a=job(search="a." * 2000 + "b = 1")))
    assert told(problems) == [("a.toml", 3, "search.a")]


@pytest.mark.parametrize("stem", ["we ird", "a.b", "ä", "x" * 65])
def test_a_job_file_has_a_job_name(tmp_path: Path, stem: str) -> None:
    """The stem is the job's name and its default session, so it must be able to be both."""
    path = write(tmp_path)
    (tmp_path / "jobs.d" / f"{stem}.toml").write_text(job())
    (problem,) = refused(path)
    assert "rename the file" in problem.message


def test_a_job_file_that_nobody_would_read_is_told(tmp_path: Path) -> None:
    """One from another system may end in capitals: it would never run, and nobody would say so."""
    path = write(tmp_path)
    (tmp_path / "jobs.d" / "A.TOML").write_text(job())
    (problem,) = refused(path)
    assert problem.message == "is no job file as long as it ends in .TOML: rename it, so that it ends in .toml"


def test_a_file_name_that_is_no_text_can_be_told(tmp_path: Path) -> None:
    """What is said of it goes into a log, a store and a status line, which take UTF-8 alone."""
    path = write(tmp_path)
    Path(os.fsdecode(bytes(tmp_path / "jobs.d") + b"/m\xfcnchen.toml")).write_text(job())
    (problem,) = refused(path)
    assert "rename the file" in problem.message
    assert str(problem).encode().endswith(b"so rename the file")
    assert "m\\xfcnchen.toml: " in str(problem)


def test_a_byte_order_mark_is_none_of_the_text(tmp_path: Path) -> None:
    """Some editors put one before the first key, where nobody sees it; it shifts no line."""
    path = write(tmp_path, a=job("page_sise = 3"))
    for file in (path, tmp_path / "jobs.d" / "a.toml"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert told(refused(path)) == [("a.toml", 2, "page_sise")]


def test_hidden_and_other_files_are_no_jobs(tmp_path: Path) -> None:
    """An editor's files beside a job are not read."""
    path = write(tmp_path, a=job())
    for name in (".a.toml", ".#b.toml", "a.toml~", "#a.toml#", "a.toml.bak", "README"):
        (tmp_path / "jobs.d" / name).write_text("not = toml = at all")
    assert list(load(path, {}).jobs) == ["a"]


def test_jobs_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Names are sorted, not file names: `a` comes before `a-b`."""
    path = write(tmp_path, a=job("buy_again = true"))
    (tmp_path / "jobs.d" / "a-b.toml").write_text(job("buy_again = true"))
    assert list(load(path, {}).jobs) == ["a", "a-b"]


def test_a_relative_path_stays_relative_in_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem names the file as the operator did."""
    write(tmp_path, "", a="")
    monkeypatch.chdir(tmp_path)
    assert {problem.file for problem in refused(Path("config.toml"))} == {"config.toml", "jobs.d/a.toml"}
