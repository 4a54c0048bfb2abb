"""The tables of those who are told: what is accepted, what is refused in one line, and where the secrets lie."""

import sys
from datetime import time, timedelta
from pathlib import Path

import pytest

from leadsync.config import Settings, load, missing_secrets, sources_of_telling
from leadsync.errors import ConfigInvalid

HEAD = '[accounts.main]\ntoken = { credential = "token" }\nbudget = "unlimited"\n'
JOB = 'kind = "incremental"\nping = { file = "canary" }\n[search]\nquery = "x"\n'


def loaded(folder: Path, text: str) -> Settings:
    """The settings of a config.toml with one job."""
    (folder / "jobs.d").mkdir(exist_ok=True)
    (folder / "jobs.d" / "phoenix.toml").write_text(JOB)
    (folder / "config.toml").write_text(HEAD + text)
    return load(folder / "config.toml", {})


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with it, without the file's name."""
    with pytest.raises(ConfigInvalid) as refused:
        loaded(folder, text)
    return [f"{problem.line}: {problem.key}: {problem.message}" for problem in refused.value.problems]


def test_all_of_it(tmp_path: Path) -> None:
    """Defaults, quiet hours, and secrets that know where they were declared."""
    settings = loaded(
        tmp_path,
        '[notify]\nquiet = { begin = "22:00", end = "07:00", timezone = "America/Phoenix" }\n'
        '[notify.to.team]\nurl = { env = "TEAM" }\n[ping]\nurl = { file = "ping" }\n[metrics]\n',
    )
    assert settings.notify is not None
    assert settings.notify.quiet is not None
    assert (settings.notify.quiet.begin, settings.notify.remind_every) == (time(22), timedelta(days=1))
    assert settings.metrics is not None
    assert settings.metrics.listen == "127.0.0.1:9482"
    sources = [(source.kind, source.name, source.line, source.key) for source in sources_of_telling(settings)]
    assert sources == [
        ("env", "TEAM", 7, "notify.to.team.url"),
        ("file", "ping", 9, "ping.url"),
        ("file", "canary", 2, "ping"),
    ]
    assert [problem.key for problem in missing_secrets(settings, {})] == [
        "accounts.main.token",
        "notify.to.team.url",
        "ping.url",
        "ping",
    ]
    assert [warning.key for warning in settings.warnings] == ["notify.to.team.url"]


def test_nothing_of_it_is_the_default(tmp_path: Path) -> None:
    """Nobody is told, nobody pinged, and no port opened, where nobody said so."""
    settings = loaded(tmp_path, "")
    assert (settings.notify, settings.ping, settings.metrics) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[notify]\n", "4: notify.to: is missing"),
        ("[notify]\nto = {}\n", "5: notify.to: must not be empty"),
        (
            '[notify.to.team]\nurl = "slack://canary"\n',
            "5: notify.to.team.url: a secret does not belong into this file",
        ),
        ('[notify.to.team]\nurl = { env = "A" }\nleast = "loud"\n', "6: notify.to.team.least: must be"),
        (
            '[notify]\nquiet = { begin = "22", end = "07:00" }\nto.a.url = { env = "A" }\n',
            "5: notify.quiet.begin: must",
        ),
        (
            '[notify]\nquiet = { begin = "07:00", end = "07:00" }\nto.a.url = { env = "A" }\n',
            "5: notify.quiet: must not",
        ),
        ('[ping]\nurl = { env = "A" }\nevery = "0s"\n', "6: ping.every: must be at least"),
        ('[metrics]\nlisten = "0.0.0.0:9482"\n', "5: metrics.listen: must be an address of this machine alone"),
        ('[metrics]\nlisten = "localhost"\n', "5: metrics.listen: must be an address and a port"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """One line a mistake, at its key, without what was written at a secret."""
    (found,) = problems(tmp_path, text)
    assert found.startswith(problem)
    assert "canary" not in found


def test_what_is_not_installed_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that is told to speak and cannot does not start."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    found = problems(tmp_path, '[notify.to.team]\nurl = { env = "A" }\n[metrics]\n')
    assert found == [
        "4: notify: needs the library apprise, which is not installed: pip install 'leadsync[notify]'",
        "6: metrics: needs the library prometheus_client, which is not installed: pip install 'leadsync[metrics]'",
    ]
