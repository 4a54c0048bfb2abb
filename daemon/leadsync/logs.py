"""The log: one event a line on stderr, readable on a terminal, JSON elsewhere, and never a secret in it (P11).

Redaction is the last thing that happens to a line, whoever wrote it: known secrets by value, everything else by its
looks, in every field, in tracebacks, and in the lines of libraries, which are let through from warning upwards.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TextIO

import structlog

from leadsync.core.redact import MASK, redact
from leadsync.events import LOG_LINE

Line = MutableMapping[str, Any]
Processor = Callable[[Any, str, Line], Any]
Listener = Callable[[Mapping[str, Any]], None]

_QUIET_LIBRARIES: Final = ("httpx", "httpcore", "uvicorn", "alembic", "asyncio", "apscheduler", "sqlalchemy")
"""They speak at INFO of whole URLs, or of nothing an operator needs."""

_SECRET_MIN_CHARS: Final = 8

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


@dataclass(frozen=True, slots=True)
class LogStyle:
    """How lines look. `form` is console or json; `level` the lowest that is shown."""

    level: str = "info"
    form: str = "json"
    colors: bool = False

    @classmethod
    def for_stream(cls, level: str, form: str, stream: TextIO) -> "LogStyle":
        """`auto` is console on a terminal, else JSON."""
        terminal = stream.isatty()
        chosen = ("console" if terminal else "json") if form == "auto" else form
        return cls(level, chosen, colors=terminal and chosen == "console")


def set_up(
    style: LogStyle,
    *,
    secrets: Iterable[str],
    now: Callable[[], datetime],
    stream: TextIO | None = None,
    listener: Listener | None = None,
) -> None:
    """Send everything that logs through one chain. `secrets` are masked wherever they stand.

    A listener is told each line, as it is after that, from info upwards, whatever the style shows.
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
    outlet = _Outlet(stream or sys.stderr)
    structlog.configure(
        processors=[*chain, outlet.confess, *_rendering(style)],
        wrapper_class=structlog.make_filtering_bound_logger(heard),
        logger_factory=lambda *_: outlet,
        cache_logger_on_first_use=False,
    )
    _tame_libraries()


class _Outlet:
    """Where lines go. One that cannot be written is dropped and counted: a full disk or a closed pipe stops no work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._dropped = 0

    def confess(self, _logger: object, _method: str, line: Line) -> Line:
        """Say in the next line how many are missing before it."""
        if self._dropped:
            line["dropped"] = self._dropped
        return line

    def line(self, text: str) -> None:
        """Write one line."""
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._dropped += 1
        else:
            self._dropped = 0

    debug = info = warning = error = critical = line
    """structlog calls its logger by the level."""


def printer(style: LogStyle, stream: TextIO) -> Listener:
    """Show lines that another process has logged, as if they were our own."""
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
    if style.form == "json":
        return [_json]
    console = structlog.dev.ConsoleRenderer(
        colors=style.colors, pad_event_to=16, sort_keys=False, timestamp_key="time", exception_formatter=_plain
    )
    return [_for_the_eye, console]


def _for_the_eye(_logger: object, _method: str, line: Line) -> Line:
    """Leave out what says nothing: empty fields, the date, and a session that is named as its job."""
    line["time"] = line["time"][11:19]
    if line.get("session") == line.get("job"):
        line.pop("session", None)
    return {name: value for name, value in line.items() if value is not None}


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
