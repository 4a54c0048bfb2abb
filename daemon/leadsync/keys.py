"""The secrets that a process needs, read before its log says a word, and the log that masks them."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from leadsync import events
from leadsync.config import SecretSource, Settings, read_secret, sources_of_telling
from leadsync.logs import Listener, LogStyle, set_up
from leadsync.outside import Outside
from leadsync.vendors.realestateapi import TraceAccess


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets that requests need: the tokens by account, and the API key of the skip trace, if there is one."""

    tokens: Mapping[str, str] = field(repr=False)
    trace: str | None = field(default=None, repr=False)

    def values(self) -> list[str]:
        """All of them, to be masked."""
        return [*self.tokens.values(), *([self.trace] if self.trace else [])]


def start_log(settings: Settings, outside: Outside, listener: Listener | None = None, also: Iterable[str] = ()) -> Keys:
    """Read the secrets, so that the log can mask them from its first line on; return those that requests need.

    `also` are secrets that not every command needs.
    """
    keys = read_keys(settings, outside.environ)
    set_up_log(settings, [*keys.values(), *also], outside=outside, listener=listener)
    return keys


def read_keys(settings: Settings, environ: Mapping[str, str]) -> Keys:
    """Return the secrets that requests need. Raises ConfigInvalid for the first that cannot be read."""

    def read(source: SecretSource) -> str:
        return read_secret(source, environ, settings.path.parent).get_secret_value()

    tokens = {name: read(account.token) for name, account in settings.accounts.items()}
    return Keys(tokens, read(settings.skip_trace.api_key) if settings.skip_trace else None)


def trace_access_of(settings: Settings, keys: Keys) -> TraceAccess | None:
    """Say how the vendor of the skip trace is reached, None where the configuration has none."""
    if settings.skip_trace is None or keys.trace is None:
        return None
    return TraceAccess(settings.skip_trace.base_url, keys.trace)


def read_telling(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """Return the addresses of those who are told. Raises ConfigInvalid for the first that cannot be read."""
    sources = sources_of_telling(settings)
    return [read_secret(source, environ, settings.path.parent).get_secret_value() for source in sources]


def set_up_log(
    settings: Settings, secrets: Iterable[str], *, outside: Outside, listener: Listener | None = None
) -> None:
    """Let the log be as the settings want it, and say what in them is doubtful."""
    style = LogStyle.for_stream(settings.log.level, settings.log.format, sys.stderr, outside.environ)
    set_up(style, secrets=secrets, now=outside.now, listener=listener)
    for doubt in settings.warnings:
        _log.warning(events.CONFIG_DOUBTED, file=doubt.file, line=doubt.line, key=doubt.key, message=doubt.message)


_log = structlog.get_logger()
