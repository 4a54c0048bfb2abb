"""What the skip trace needs of the files: a key, an inbox, and a suppression list that is understood."""

from pathlib import Path

from tests.config.files import ACCOUNT, SKIP_TRACE, WEBHOOKS, job, loaded, refused, write


def test_skip_trace_needs_a_key_and_an_inbox(tmp_path: Path) -> None:
    """A job that wants its owners found needs [webhooks] and [skip_trace]; each that is missing is named."""
    wants = job(rest="[skip_trace]\nenabled = true")
    (problem,) = refused(write(tmp_path, a=wants))
    assert (problem.line, problem.key) == (5, "skip_trace.enabled")
    assert "needs [webhooks] and [skip_trace] in config.toml" in problem.message
    (problem,) = refused(write(tmp_path, ACCOUNT + WEBHOOKS, a=wants))
    assert "needs [skip_trace] in config.toml" in problem.message
    assert loaded(tmp_path, ACCOUNT + WEBHOOKS + SKIP_TRACE, a=wants).jobs["a"].skip_trace.enabled


def test_each_line_of_the_suppression_list_is_understood_or_a_problem(tmp_path: Path) -> None:
    """A line that nobody understands is named by its number, never by what stands in it; so is a list that is gone."""
    config = ACCOUNT + WEBHOOKS + SKIP_TRACE + 'suppression = "never.txt"'
    (tmp_path / "never.txt").write_text("# who asked us\n602 555 0117\nPat from Mesa\npat@example.com\n9 Elm\n")
    problems = refused(write(tmp_path, config))
    assert [(Path(one.file).name, one.line) for one in problems] == [("never.txt", 3), ("never.txt", 5)]
    assert not any("Pat" in one.message for one in problems)
    (tmp_path / "never.txt").write_bytes(b"caf\xe9")
    (problem,) = refused(write(tmp_path, config))
    assert "not UTF-8" in problem.message
    (problem,) = refused(write(tmp_path, config.replace("never", "n" * 300)))
    assert problem.message == "cannot be read (File name too long): nobody is traced without the list"
    (tmp_path / "never.txt").unlink()
    (problem,) = refused(write(tmp_path, config))
    assert (problem.key, "does not exist" in problem.message) == ("skip_trace.suppression", True)
