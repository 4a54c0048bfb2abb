"""The TOML files as they lie there: read, parsed, each key with its line; nothing is judged but the form.

A file that cannot be read or parsed is one problem, which says what to do.
"""

import codecs
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadsync.config.fault import Fault, Loc, dotted
from leadsync.config.positions import key_lines, line_of
from leadsync.config.tables import NAME
from leadsync.config.wording import shown
from leadsync.errors import ConfigInvalid, Problem

SUFFIX = ".toml"
FILE_MAX_BYTES = 1024 * 1024
TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Document:
    """One TOML file: its path as the operator would write it, its values, and the line of each key."""

    path: Path
    table: dict[str, Any]
    lines: Mapping[Loc, int]

    @property
    def name(self) -> str:
        """The file's stem: a job's name."""
        return self.path.stem

    def line(self, loc: Loc) -> int:
        """Return the line of a key, or of the table around it; 0 is the file as a whole."""
        return line_of(self.lines, loc)

    def problem(self, fault: Fault) -> Problem:
        """Place a fault in this file."""
        return Problem(str(self.path), self.line(fault.loc), dotted(fault.loc), fault.message)


def read_document(path: Path) -> Document:
    """Read one file; ConfigInvalid where it is missing, unreadable, too large or no TOML."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigInvalid((Problem(str(path), 0, "", _unreadable(error)),)) from error
    if len(raw) > FILE_MAX_BYTES:
        raise ConfigInvalid((Problem(str(path), 0, "", f"is larger than {FILE_MAX_BYTES} bytes: name a TOML file"),))
    raw = raw.removeprefix(codecs.BOM_UTF8)  # some editors put it there, and nobody sees it
    return Document(path, _parse(path, raw), key_lines(raw))


def read_job(path: Path) -> Document:
    """Read a job file; ConfigInvalid also where its stem cannot be a job's name."""
    if not NAME.fullmatch(path.stem):
        message = f"a job's name is its file's: {shown(path.stem)} does not fit {NAME.pattern}, so rename the file"
        raise ConfigInvalid((Problem(_sayable(path), 0, "", message),))
    if path.suffix != SUFFIX:
        message = f"is no job file as long as it ends in {path.suffix}: rename it, so that it ends in {SUFFIX}"
        raise ConfigInvalid((Problem(str(path), 0, "", message),))
    return read_document(path)


def job_paths(folder: Path) -> tuple[Path, ...]:
    """Return the job files of a folder by name; hidden files are an editor's. A folder that is not there has none."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.stem)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigInvalid((Problem(str(folder), 0, "", _unreadable(error)),)) from error
    return tuple(path for path in paths if path.suffix.lower() == SUFFIX and not path.name.startswith("."))


def _sayable(path: Path) -> str:
    """Return a path as text that can be stored and sent: a file's name may be of bytes that are no UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _unreadable(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "does not exist: create it, or name another with --config FILE"
        case PermissionError():
            return "may not be read by this user: run leadsync as the user it belongs to, or change its mode"
        case _:
            return f"cannot be read: {(error.strerror or 'unknown reason').lower()}"


def _parse(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError as error:
        line, reason = raw.count(b"\n", 0, error.start) + 1, "is not UTF-8: save the file as UTF-8"
    except tomllib.TOMLDecodeError as error:
        line, reason = _syntax(raw, str(error))
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        line, reason = 0, "is not TOML that can be used: a number is too long or the nesting too deep"
    raise ConfigInvalid((Problem(str(path), line, "", reason),))


def _syntax(raw: bytes, message: str) -> tuple[int, str]:
    """Split tomllib's message, which never quotes a value, into the line and the reason."""
    place = TOML_PLACE.search(message)
    reason = TOML_PLACE.sub("", message)
    line = int(place[1]) if place and place[1] else raw.rstrip().count(b"\n") + 1
    column = f" at column {place[2]}" if place and place[2] else ""
    return line, f"is not TOML{column} ({reason}): mend this line; text stands in quotes"
