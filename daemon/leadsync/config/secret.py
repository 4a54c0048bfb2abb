"""Secrets: where one lies, and how it is read. The configuration holds the place, never the secret itself.

No message here shows what was written at the key or what the file holds: either may be the secret.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import PlainValidator, SecretStr, WithJsonSchema

from leadsync.errors import ConfigInvalid, Problem

SecretKind = Literal["credential", "file", "env"]
KINDS: tuple[SecretKind, ...] = get_args(SecretKind)
NAMES = {
    "credential": re.compile(r"(?!\.)[A-Za-z0-9._-]{1,255}"),
    "file": re.compile(r"[^\0]+"),
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
}
SECRET = re.compile(r"[!-~]+")  # what fits into an HTTP header, without a space
SECRET_MAX_BYTES = 8192


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret lies: a systemd credential, a file, or an environment variable; and where that was written."""

    kind: SecretKind
    name: str
    file: str = ""
    """The file in which the source was declared, with `line` and dotted `key`: where a problem points."""
    line: int = 0
    key: str = ""


def secret_source(value: object) -> SecretSource:
    """Read `{ credential = "…" }`, `{ file = "…" }` or `{ env = "…" }`; a literal is refused and never shown."""
    if isinstance(value, SecretSource):
        return value
    if isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - pydantic collects ValueErrors alone
            'a secret does not belong into this file: write { credential = "NAME" } or { file = "PATH" }'
        )
    named = [(kind, value[kind]) for kind in KINDS if kind in value] if isinstance(value, dict) else []
    if not isinstance(value, dict) or len(named) != 1 or len(value) != 1:
        raise ValueError('must have exactly one key: { credential = "NAME" }, { file = "PATH" } or { env = "NAME" }')
    ((kind, name),) = named
    if not isinstance(name, str) or not NAMES[kind].fullmatch(name):
        raise ValueError(f"does not hold a usable {kind} name")
    return SecretSource(kind, name)


Secret = Annotated[
    SecretSource,
    PlainValidator(secret_source),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {kind: {"type": "string"} for kind in KINDS},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }
    ),
]


def read_secret(source: SecretSource, environ: Mapping[str, str], base: Path) -> SecretStr:
    """Read a secret now; `base` is the folder from which a relative file is meant.

    One line break at the end is dropped. Raises ConfigInvalid, with file, line and key of the declaration.
    """
    try:
        raw = _raw(source, environ, base)
    except OSError as error:
        remedy = "run leadsync as the user it belongs to"
        raise refusal(source, f"the {source.kind} that it names cannot be read ({error.strerror}): {remedy}") from error
    text = raw.removesuffix(b"\n").removesuffix(b"\r").decode("ascii", errors="replace")
    if not text:
        raise refusal(source, f"the {source.kind} that it names is empty: put the secret into it")
    if len(raw) > SECRET_MAX_BYTES or not SECRET.fullmatch(text):
        raise refusal(
            source,
            f"the {source.kind} that it names holds more than a secret: store the bare token there, "
            "on one line, without spaces or quotes",
        )
    return SecretStr(text)


def _raw(source: SecretSource, environ: Mapping[str, str], base: Path) -> bytes:
    match source.kind:
        case "env":
            if source.name not in environ:
                raise refusal(source, "the environment variable that it names is not set: set it, or use a credential")
            return os.fsencode(environ[source.name])
        case "credential":
            folder = environ.get("CREDENTIALS_DIRECTORY")
            if not folder:
                raise refusal(
                    source,
                    "there are no credentials here ($CREDENTIALS_DIRECTORY is not set): start leadsync by systemd "
                    'with LoadCredential=, or use { file = "PATH" }',
                )
            return _read(source, Path(folder) / source.name)
        case "file":
            return _read(source, base / source.name)


def _read(source: SecretSource, path: Path) -> bytes:
    if not path.is_file():
        remedy = "create it" if source.kind == "file" else "add LoadCredential= for it to the unit"
        raise refusal(source, f"the {source.kind} that it names does not exist: {remedy}")
    with path.open("rb") as file:
        # A credential's folder is systemd's own, and its access list shows up as group bits: only our files are judged.
        if source.kind == "file" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise refusal(source, "the file that it names may be read by other users: run chmod 600 on it")
        return file.read(SECRET_MAX_BYTES + 1)


def refusal(source: SecretSource, message: str) -> ConfigInvalid:
    """Say what is wrong with a secret, where it was declared; the message must not show it."""
    return ConfigInvalid((Problem(source.file, source.line, source.key, message),))
