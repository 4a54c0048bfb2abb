"""Secrets: read from where the configuration says, or refused in one line that shows nothing of them."""

import os
from pathlib import Path

import pytest

from leadsync.config import Settings, load, missing_secrets, read_secret
from leadsync.errors import ConfigInvalid, Problem
from tests.config.files import ACCOUNT, job, loaded, refused, write

CANARY = "canary-5f1e0b"


def with_token(folder: Path, source: str) -> Settings:
    """Load a configuration whose token, on line 3, comes from `source`."""
    return load(write(folder, ACCOUNT.replace('{ credential = "batchdata-token" }', source), a=job()), {})


def read(settings: Settings, environ: dict[str, str]) -> str:
    """Read the token."""
    base = settings.path.parent
    return read_secret(settings.accounts["main"].token, environ, base).get_secret_value()


def unread(settings: Settings, environ: dict[str, str]) -> Problem:
    """Return the problem of a token that cannot be read."""
    with pytest.raises(ConfigInvalid) as caught:
        read(settings, environ)
    (problem,) = caught.value.problems
    assert missing_secrets(settings, environ) == (problem,)
    return problem


def a_file(folder: Path, content: bytes, mode: int = 0o600) -> Settings:
    """Put a token into a file beside the configuration."""
    (folder / "token").write_bytes(content)
    (folder / "token").chmod(mode)
    return with_token(folder, '{ file = "token" }')


def test_a_credential(tmp_path: Path) -> None:
    """A credential is looked for in the folder that systemd names."""
    (tmp_path / "creds").mkdir()
    (tmp_path / "creds" / "bd").write_text(CANARY)
    settings = with_token(tmp_path, '{ credential = "bd" }')
    assert read(settings, {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")}) == CANARY
    assert missing_secrets(settings, {"CREDENTIALS_DIRECTORY": str(tmp_path / "creds")}) == ()


def test_an_environment_variable_is_read_and_warned_of(tmp_path: Path) -> None:
    """The environment works, and the operator is told who else can read it."""
    settings = with_token(tmp_path, '{ env = "TOKEN" }')
    assert read(settings, {"TOKEN": CANARY}) == CANARY
    (warning,) = settings.warnings
    assert (warning.line, warning.key) == (3, "accounts.main.token")
    assert "/proc" in warning.message


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_file_with_or_without_a_line_break(tmp_path: Path, end: bytes) -> None:
    """An editor's line break at the end is not part of the secret."""
    assert read(a_file(tmp_path, CANARY.encode() + end), {}) == CANARY


def test_a_secret_hides_itself(tmp_path: Path) -> None:
    """Printing a secret by mistake prints stars."""
    settings = a_file(tmp_path, CANARY.encode())
    secret = read_secret(settings.accounts["main"].token, {}, tmp_path)
    assert CANARY not in f"{secret} {secret!r} {settings!r}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o601])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Only the owner may have any right to the file."""
    problem = unread(a_file(tmp_path, CANARY.encode(), mode), {})
    assert (problem.line, problem.key) == (3, "accounts.main.token")
    assert "chmod 600" in problem.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        CANARY.encode() + b"\n\n",
        b"Bearer " + CANARY.encode(),
        CANARY.encode() + b"\0",
        CANARY.encode() + b"\x1b[31m",
        b" " + CANARY.encode(),
        "ключ".encode(),
        b"\xff\xfe",
        b"x" * 9000,
    ],
)
def test_what_is_no_bare_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing, more than one line, blanks and control characters would break the request, so they never reach it."""
    problem = unread(a_file(tmp_path, content), {})
    assert CANARY not in str(problem)


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there is a problem when it is read, not when the configuration is."""
    problem = unread(with_token(tmp_path, f'{{ file = "{CANARY}" }}'), {})
    assert "create it" in problem.message
    assert CANARY not in str(problem)


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    """A path that is no file is refused, and nothing waits for a pipe."""
    os.mkfifo(tmp_path / "token", 0o600)
    assert unread(with_token(tmp_path, '{ file = "token" }'), {}).message.startswith("the file that it names")
    assert unread(with_token(tmp_path, '{ file = "jobs.d" }'), {}).message.startswith("the file that it names")


@pytest.mark.parametrize(
    ("source", "environ", "remedy"),
    [
        ('{ credential = "bd" }', {}, "LoadCredential="),
        ('{ credential = "bd" }', {"CREDENTIALS_DIRECTORY": ""}, "LoadCredential="),
        ('{ credential = "bd" }', {"CREDENTIALS_DIRECTORY": "/nonexistent"}, "LoadCredential="),
        ('{ env = "TOKEN" }', {}, "set it"),
        ('{ env = "TOKEN" }', {"TOKEN": ""}, "put the secret into it"),
    ],
)
def test_a_secret_that_is_not_there_says_what_to_do(
    tmp_path: Path, source: str, environ: dict[str, str], remedy: str
) -> None:
    """Each source names its own remedy."""
    assert remedy in unread(with_token(tmp_path, source), environ).message


@pytest.mark.parametrize(
    "source",
    [
        f'"{CANARY}"',
        f'["{CANARY}"]',
        "5",
        "{}",
        f'{{ value = "{CANARY}" }}',
        f'{{ {CANARY} = "x" }}',
        f'{{ credential = "a", env = "{CANARY}" }}',
        f'{{ credential = "a", {CANARY} = "b" }}',
        f'{{ credential = "../{CANARY}" }}',
        f'{{ credential = ".{CANARY}" }}',
        '{ credential = "" }',
        f'{{ env = "{CANARY}=" }}',
        '{ file = "" }',
        '{ file = "a\\u0000b" }',
        f'{{ file = ["{CANARY}"] }}',
    ],
)
def test_every_other_form_is_refused_unseen(tmp_path: Path, source: str) -> None:
    """A literal, two sources at once and a name that leads elsewhere are refused without being shown."""
    (problem,) = refused(write(tmp_path, ACCOUNT.replace('{ credential = "batchdata-token" }', source)))
    assert (problem.line, problem.key) == (3, "accounts.main.token")
    assert CANARY not in str(problem)


def test_every_secret_is_tried(tmp_path: Path) -> None:
    """All secrets that cannot be read are told at once, in reading order."""
    api = '[skip_trace]\napi_key = { credential = "k" }\nbudget = "unlimited"\n'
    settings = loaded(tmp_path, ACCOUNT + ACCOUNT.replace("main", "b") + api)
    missing = missing_secrets(settings, {})
    assert [problem.key for problem in missing] == ["accounts.main.token", "accounts.b.token", "skip_trace.api_key"]
