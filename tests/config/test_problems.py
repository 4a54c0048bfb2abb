"""Problems come all at once, in reading order, one line each, and never carry a secret."""

import string
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsync.config import load, missing_secrets
from leadsync.errors import ConfigInvalid
from tests.config.files import job, refused, write

EIGHT = """\
[log]
level = "inof"
[accounts.main]
token = "sk-live-1"
bugdet = 5
"""


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    """Eight faults in three files are eight lines, sorted by file and line."""
    path = write(
        tmp_path,
        EIGHT,
        a=job("page_size = 900", 'schedule = { every = "15" }', search="take = 5"),
        b="kind = \n",
    )
    here = f"{tmp_path}"
    assert [str(problem).split(": ")[0:2] for problem in refused(path)] == [
        [f"{here}/config.toml:2", "log.level"],
        [f"{here}/config.toml:3", "accounts.main.budget"],
        [f"{here}/config.toml:4", "accounts.main.token"],
        [f"{here}/config.toml:5", "accounts.main.bugdet"],
        [f"{here}/jobs.d/a.toml:2", "page_size"],
        [f"{here}/jobs.d/a.toml:3", "schedule.every"],
        [f"{here}/jobs.d/a.toml:5", "search.take"],
        [f"{here}/jobs.d/b.toml:1", "is not TOML at column 8 (Invalid value)"],
    ]


def test_the_exit_code_is_that_of_configuration(tmp_path: Path) -> None:
    """A wrong configuration ends a command with 78, and its text is one line a problem."""
    with pytest.raises(ConfigInvalid) as caught:
        load(write(tmp_path, EIGHT), {})
    assert caught.value.exit_code == 78
    assert len(str(caught.value).splitlines()) == len(caught.value.problems) == 4


SECRETS = st.text(alphabet=string.ascii_letters + string.digits + "-_.:/=+ ", min_size=6, max_size=40).map(
    lambda text: f"QQ{text}QQ"
)
HIDING_PLACES = (
    "[accounts.main]\ntoken = {}\nbudget = 'unlimited'",
    "[accounts.main]\ntoken = [{}]\nbudget = 'unlimited'",
    "[accounts.main]\ntoken = {{ credential = [{}] }}\nbudget = 'unlimited'",
    "[accounts.main]\ntoken = {{ env = 'A', file = {} }}\nbudget = 'unlimited'",
    "[accounts.main]\ntoken = {{ literal = {} }}\nbudget = 'unlimited'",
    "[accounts.main]\ntoken.a.b = {}\nbudget = 'unlimited'",
    "[accounts.main]\ntokne = {}",
    "[accounts.main]\nunknown = {{ deep = [{}] }}",
    "[accounts.main]\nbase_url = {}",
    "[skip_trace]\napi_key = {}\non_missing = 5",
    "[skip_trace]\napi-key = {}",
    "[webhooks]\nsecret = {}\npublic_url = {}",
    "[store]\nurl = {}",
    "password = {}",
    "[[unknown]]\nx = {}",
    "[accounts]\nmain = {{ token = {} }}",
    "[accounts]\nmain = {}",
    "accounts = {}",
    "skip_trace = {}",
    "[log]\nlevel = 'inof'\ntoken = {}",
)


@given(place=st.sampled_from(HIDING_PLACES), secret=SECRETS)
def test_no_secret_in_any_problem(place: str, secret: str) -> None:
    """A token written at a secret's key, at an unknown key or into a URL is refused and never shown."""
    text = place.format(*[f'"{secret}"'] * 2)
    tomllib.loads(text)
    with TemporaryDirectory() as folder:
        problems = refused(
            write(Path(folder), text, a=job(f'token = "{secret}"', rest=f'[skip_trace]\nkey = "{secret}"'))
        )
    assert len(problems) >= 3
    assert not any(secret in str(problem) for problem in problems)


@given(where=st.sampled_from(["credential", "file", "env"]), secret=SECRETS)
def test_no_secret_where_its_name_should_be(where: str, secret: str) -> None:
    """A token pasted as the name of a credential is not shown either, when it cannot be read."""
    text = f'[accounts.main]\nbudget = "unlimited"\ntoken = {{ {where} = "{secret}" }}'
    with TemporaryDirectory() as folder:
        try:
            settings = load(write(Path(folder), text, a=job()), {})
            problems = (*missing_secrets(settings, {}), *settings.warnings)
        except ConfigInvalid as invalid:
            problems = invalid.problems
    assert problems
    assert not any(secret in str(problem) for problem in problems)


@pytest.mark.parametrize("token", ["sk-live-1", "'sk-live-1", '"sk-live-1', "sk_live_1 # x", "[sk-live-1]"])
def test_no_secret_in_a_syntax_error(tmp_path: Path, token: str) -> None:
    """A token without quotes is broken TOML, and the message about it does not quote it."""
    (problem,) = refused(write(tmp_path, f"[accounts.main]\ntoken = {token}\n"))
    assert problem.line == 2
    assert "live" not in str(problem)


@given(st.text(min_size=1, max_size=80).filter(lambda name: name != "log"))
def test_a_problem_is_one_printable_line(name: str) -> None:
    """Whatever stands in a file, its problem is one line without control characters."""
    quoted = "".join(f"\\U{ord(char):08x}" for char in name)
    with TemporaryDirectory() as folder:
        try:
            text = f'"{quoted}" = 1\n[log]\nlevel = "{quoted}"'
            problems = refused(write(Path(folder), text))
        except UnicodeEncodeError:
            return
    assert len(problems) >= 2
    assert all(str(problem).isprintable() for problem in problems)
