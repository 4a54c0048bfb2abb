"""The log: one event a line, readable on a terminal, fields in systemd's journal, JSON elsewhere, never a secret (P11).

Redaction is the last thing that happens to a line, whoever wrote it: known secrets by value, everything else by its
looks, in every field, in tracebacks, and in the lines of libraries, which are let through from warning upwards.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TextIO, TypeAlias

import structlog

from leadsync import journal
from leadsync.core.redact import MASK, redact
from leadsync.errors import EnvironmentUnusable
from leadsync.events import LOG_LINE

Line = MutableMapping[str, Any]
Processor = Callable[[Any, str, Line], Any]
Listener = Callable[[Mapping[str, Any]], None]

_QUIET_LIBRARIES: Final = ("httpx", "httpcore", "uvicorn", "alembic", "asyncio", "apscheduler", "sqlalchemy", "urllib3")
"""They speak at INFO of whole URLs, or of nothing an operator needs."""

_SECRET_MIN_CHARS: Final = 8

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

_PRIORITIES: Final = {"debug": "7", "info": "6", "warning": "4", "error": "3", "critical": "2"}
"""What syslog, and so the journal, calls the levels."""


@dataclass(frozen=True, slots=True)
class LogStyle:
    """How lines look, and so where they go: `form` is console, json or journal; `level` the lowest that is shown."""

    level: str = "info"
    form: str = "json"
    colors: bool = False

    @classmethod
    def for_stream(cls, level: str, form: str, stream: TextIO, environ: Mapping[str, str]) -> "LogStyle":
        """`auto` is console on a terminal, journal where systemd has made the stream lead there, else JSON."""
        terminal = stream.isatty()
        if form == "auto":
            there = journal.leads_there(stream, environ.get("JOURNAL_STREAM", "")) and journal.SOCKET.is_socket()
            form = "console" if terminal else "journal" if there else "json"
        return cls(level, form, colors=terminal and form == "console")


def set_up(
    style: LogStyle,
    *,
    secrets: Iterable[str],
    now: Callable[[], datetime],
    stream: TextIO | None = None,
    listener: Listener | None = None,
) -> None:
    """Send everything that logs through one chain, and to the stream or the journal. `secrets` are masked everywhere.

    A listener is told each line, as it is after that, from info upwards, whatever the style shows. Raises
    EnvironmentUnusable where lines should go to a journal that is not there.
    """
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _stamp(now),
        structlog.processors.format_exc_info,
        _redactor(secrets),
    ]
    heard = _LEVELS[style.level]
    if listener is not None:
        heard = min(heard, _LEVELS["info"])
        chain += [_teller(listener), _sieve(style.level)]
    outlet = _Outlet(_to_journal() if style.form == "journal" else _to_stream(stream or sys.stderr))
    structlog.configure(
        processors=[*chain, outlet.confess, *_rendering(style)],
        wrapper_class=structlog.make_filtering_bound_logger(heard),
        logger_factory=lambda *_: outlet,
        cache_logger_on_first_use=False,
    )
    _tame_libraries()


Put: TypeAlias = Callable[[Any], None]
"""Writes a line as it was rendered, whole. Raises OSError or ValueError where it cannot."""


class _Outlet:
    """Where lines go. One that cannot be written is dropped and counted: a full disk or a closed pipe stops no work."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._dropped = 0

    def confess(self, _logger: object, _method: str, line: Line) -> Line:
        """Say in the next line how many are missing before it."""
        if self._dropped:
            line["dropped"] = self._dropped
        return line

    def line(self, rendered: str | bytes) -> None:
        """Write one line."""
        try:
            self._put(rendered)
        except (OSError, ValueError):
            self._dropped += 1
        else:
            self._dropped = 0

    debug = info = warning = error = critical = line
    """structlog calls its logger by the level."""


def _to_stream(stream: TextIO) -> Put:
    def put(text: str) -> None:
        stream.write(f"{text}\n")
        stream.flush()

    return put


def _to_journal() -> Put:
    if not journal.SOCKET.is_socket():
        raise EnvironmentUnusable(
            f'[log] format is "journal", and systemd\'s journal is not here ({journal.SOCKET}); use "auto" or "json"'
        )
    return journal.send


def printer(style: LogStyle, stream: TextIO) -> Listener:
    """Show lines that another process has logged, as if they were our own; the journal has them already."""
    if style.form == "journal":
        style = LogStyle(style.level, "console" if stream.isatty() else "json", colors=stream.isatty())
    stages = [_sieve(style.level), *_rendering(style)]

    def show(line: Mapping[str, Any]) -> None:
        shown: Any = dict(line)
        try:
            for stage in stages:
                shown = stage(None, "", shown)
        except structlog.DropEvent:
            return
        stream.write(f"{shown}\n")
        stream.flush()

    return show


def _stamp(now: Callable[[], datetime]) -> Processor:
    def stamp(_logger: object, _method: str, line: Line) -> Line:
        line["time"] = now().isoformat(timespec="milliseconds")
        return line

    return stamp


def _teller(listener: Listener) -> Processor:
    def tell(_logger: object, _method: str, line: Line) -> Line:
        listener(line)
        return line

    return tell


def _sieve(level: str) -> Processor:
    def drop_lower(_logger: object, _method: str, line: Line) -> Line:
        if _LEVELS[line["level"]] < _LEVELS[level]:
            raise structlog.DropEvent
        return line

    return drop_lower


def _redactor(secrets: Iterable[str]) -> Processor:
    # A word of a few letters is no secret, and masking it would make the log unreadable.
    long_ones = [secret for secret in secrets if len(secret) >= _SECRET_MIN_CHARS]

    def clean(value: object) -> object:
        match value:
            case str():
                for secret in long_ones:
                    value = value.replace(secret, MASK)
                return redact(value)
            case dict():
                return {str(name): clean(inner) for name, inner in value.items()}
            case list() | tuple():
                return [clean(inner) for inner in value]
            case bool() | int() | float() | None:
                return value
            case _:
                return clean(str(value))

    def redact_line(_logger: object, _method: str, line: Line) -> Line:
        for name in list(line):
            if name != "time":
                line[name] = clean(line[name])
        return line

    return redact_line


def _rendering(style: LogStyle) -> list[Processor]:
    match style.form:
        case "json":
            return [_json]
        case "journal":
            return [_journal_entry(_console(colors=False, pad_event_to=0))]
        case _:
            return [_for_the_eye, _console(colors=style.colors, pad_event_to=16)]


def _console(*, colors: bool, pad_event_to: int) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=colors, pad_event_to=pad_event_to, sort_keys=False, timestamp_key="time", exception_formatter=_plain
    )


def _for_the_eye(_logger: object, _method: str, line: Line) -> Line:
    """Leave out what says nothing: empty fields, the date, and a session that is named as its job."""
    line["time"] = line["time"][11:19]
    if line.get("session") == line.get("job"):
        line.pop("session", None)
    return {name: value for name, value in line.items() if value is not None}


def _journal_entry(in_words: Processor) -> Processor:
    def render(_logger: object, _method: str, line: Line) -> bytes:
        """Make each field one of the journal's, in capitals; MESSAGE is the whole line for the eye."""
        level = line.pop("level")
        shown = _for_the_eye(None, "", dict(line))
        del shown["time"], line["time"]  # the journal stamps what it takes
        fields = {name.upper(): _plain_text(value) for name, value in line.items() if value is not None}
        if "MESSAGE" in fields:
            fields["DETAIL"] = fields.pop("MESSAGE")
        return journal.encode(
            {name: value for name, value in fields.items() if journal.NAME.fullmatch(name)}
            | {"MESSAGE": in_words(None, "", shown), "PRIORITY": _PRIORITIES[level], "SYSLOG_IDENTIFIER": "leadsync"}
        )

    return render


def _plain_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(_logger: object, _method: str, line: Line) -> str:
    first = {name: line.pop(name) for name in ("time", "level", "event")}
    return json.dumps(first | dict(line), ensure_ascii=False)


def _plain(_stream: TextIO, _info: object) -> None:
    """Tracebacks are text by now, redacted; the renderer must not format them a second time."""


class _ToChain(logging.Handler):
    """Hands a library's line to the chain."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        line = {"logger": record.name, "message": record.getMessage(), "exc_info": record.exc_info}
        log.log(record.levelno, LOG_LINE, **line)


def _tame_libraries() -> None:
    root = logging.getLogger()
    root.handlers = [_ToChain()]
    root.setLevel(logging.WARNING)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
