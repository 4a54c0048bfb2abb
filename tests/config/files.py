"""A configuration on disk for the tests of this folder: a good one, to which each test does one thing wrong."""

from pathlib import Path

from leadsync.config import Settings, load
from leadsync.errors import ConfigInvalid, Problem

ACCOUNT = """
[accounts.main]
token = { credential = "batchdata-token" }
budget = { dollars_per_month = 500 }
"""
WEBHOOKS = '[webhooks]\npublic_url = "https://leads.example.com/"\n'
SKIP_TRACE = '[skip_trace]\napi_key = { credential = "k" }\nbudget = { dollars_per_month = 5 }\n'
JOB = """
kind = "incremental"
[search]
query = "Phoenix, AZ"
"""


def write(folder: Path, config: str = ACCOUNT, **jobs: str) -> Path:
    """Write config.toml and its jobs; an underscore in a job's name stands for itself."""
    path = folder / "config.toml"
    path.write_text(config)
    (folder / "jobs.d").mkdir(exist_ok=True)
    for name, text in jobs.items():
        (folder / "jobs.d" / f"{name}.toml").write_text(text)
    return path


def loaded(folder: Path, config: str = ACCOUNT, **jobs: str) -> Settings:
    """Write and load."""
    return load(write(folder, config, **jobs), {})


def refused(path: Path) -> tuple[Problem, ...]:
    """Load what must be refused, and return its problems."""
    try:
        load(path, {})
    except ConfigInvalid as invalid:
        return invalid.problems
    raise AssertionError("a wrong configuration was accepted")


def account(*lines: str) -> str:
    """Return a good account with further lines, of which the first stands on line 5."""
    return ACCOUNT + "\n".join(lines)


def job(*lines: str, search: str = 'query = "Phoenix, AZ"', rest: str = "") -> str:
    """Return a good job; the further lines begin on line 2, the search criteria follow."""
    return "\n".join(('kind = "incremental"', *lines, "[search]", search, rest))


def told(problems: tuple[Problem, ...]) -> list[tuple[str, int, str]]:
    """Return file name, line and key of each problem."""
    return [(Path(problem.file).name, problem.line, problem.key) for problem in problems]
