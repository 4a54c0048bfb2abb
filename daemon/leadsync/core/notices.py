"""Who is told what of the conditions, and when: pure, so that a year of notices is a table.

A condition is told once, in a reminder a day, and once more when it is over. Several at once are one message. In quiet
hours only what is new and urgent is told; the rest waits for their end. What came and went before a notifier could be
reached is told all the same, in one line: nothing is silent because a mail server was. Where a clock has been put
back, a moment may lie ahead: it counts as if it were so long ago, so that nothing is untold until then.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final, assert_never

from leadsync.core.conditions import Severity
from leadsync.core.redact import redact
from leadsync.core.retry import doubling_s
from leadsync.core.watch import Held, Key, Told, span

LINES_MAX: Final = 20
TRY_AGAIN_FIRST_S: Final = 60.0
TRY_AGAIN_MAX_S: Final = 3_600.0

ENDED_FOR: Final = timedelta(days=1)
"""How long an ended condition is kept in mind for those who could not be told of it at all."""

OWED_FOR: Final = timedelta(days=7)
"""How long its end is kept for those who were told of its begin: a mail server may be down for a weekend."""


class Kind(StrEnum):
    """What a line of a message says of a condition."""

    NEW = "new"
    STILL = "still"
    OVER = "over"
    PASSED = "came and went"


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the local day in which nobody wants to be woken; they may go over midnight."""

    begin: time
    end: time
    zone: tzinfo

    def covers(self, now: datetime) -> bool:
        """Whether it is quiet now."""
        clock = now.astimezone(self.zone).time()
        if self.begin <= self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


@dataclass(frozen=True, slots=True)
class Terms:
    """What a notifier is for. Conditions below `least` are not told to it."""

    least: Severity
    remind_every: timedelta
    quiet: Quiet | None


@dataclass(frozen=True, slots=True)
class Line:
    """One condition in a message."""

    kind: Kind
    held: Held


def due(held: Collection[Held], notifier: str, terms: Terms, now: datetime) -> list[Line]:
    """Say what a notifier should tell now, what is most urgent first."""
    quiet = terms.quiet is not None and terms.quiet.covers(now)
    lines = [
        Line(kind, one)
        for one in held
        if _severity(one).rank >= terms.least.rank and (kind := _kind(one, notifier, terms, now)) is not None
    ]
    if quiet:
        lines = [line for line in lines if line.kind is Kind.NEW and _severity(line.held) is Severity.URGENT]
    return sorted(lines, key=lambda line: (list(Kind).index(line.kind), -_severity(line.held).rank, line.held.began_at))


def _severity(one: Held) -> Severity:
    return one.key.condition.about.severity


def _kind(one: Held, notifier: str, terms: Terms, now: datetime) -> Kind | None:
    told = one.told.get(notifier, Told())
    patience = one.key.condition.about.patience
    if one.ended_at is not None:
        if told.ended_at is not None:
            return None
        if told.began_at is not None:
            return Kind.OVER
        return Kind.PASSED if abs(one.ended_at - one.began_at) >= patience else None
    if told.began_at is None:
        lasts = one.gone_at is None and abs(now - one.began_at) >= patience
        return Kind.NEW if lasts else None
    return Kind.STILL if abs(now - (told.reminded_at or told.began_at)) >= terms.remind_every else None


def is_kept(one: Held, now: datetime) -> bool:
    """Whether a condition is kept in mind: while it is open, and then for as long as somebody may be told of it."""
    if one.ended_at is None:
        return True
    is_owed = any(told.began_at is not None and told.ended_at is None for told in one.told.values())
    return now - one.ended_at < (OWED_FOR if is_owed else ENDED_FOR)


def told_by(lines: Iterable[Line], notifier: str, now: datetime) -> Mapping[tuple[Key, datetime], Told]:
    """Say what is told once a message has gone out."""
    return {(line.held.key, line.held.began_at): _after(line, notifier, now) for line in lines}


def _after(line: Line, notifier: str, now: datetime) -> Told:
    told = line.held.told.get(notifier, Told())
    match line.kind:
        case Kind.NEW:
            return replace(told, began_at=now)
        case Kind.STILL:
            return replace(told, reminded_at=now)
        case Kind.OVER | Kind.PASSED:
            return replace(told, ended_at=now)
        case never:
            assert_never(never)


def message(lines: Collection[Line], now: datetime) -> tuple[str, str]:
    """Write a message: its title and its body. Nothing in it is personal or secret (P11)."""
    counts = {kind: sum(line.kind is kind for line in lines) for kind in Kind}
    (first, *others) = lines
    title = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) if others else _head(first)
    body = "\n\n".join(_lines(lines, now))
    return redact(f"leadsync: {title}"), redact(body)


def _head(line: Line) -> str:
    return " ".join(part for part in (line.kind, *line.held.key) if part)


def _lines(lines: Collection[Line], now: datetime) -> Iterator[str]:
    for line in list(lines)[:LINES_MAX]:
        yield _line(line, now)
    if len(lines) > LINES_MAX:
        yield f"And {len(lines) - LINES_MAX} more: leadsync status shows all that are not over."


def _line(line: Line, now: datetime) -> str:
    one, about = line.held, line.held.key.condition.about
    lasted = span(max(((one.ended_at or now) - one.began_at).total_seconds(), 0.0))
    what = f"{_head(line)} [{about.severity}], since {one.began_at:%Y-%m-%d %H:%M} UTC"
    if line.kind in (Kind.OVER, Kind.PASSED):
        return f"{what}, over after {lasted}: {about.meaning} ({one.detail})."
    return f"{what}: {about.meaning} ({one.detail}). What to do: {about.do}."


def try_again_s(failures: int, draw: float) -> float:
    """Seconds until a notifier is tried again after so many failures in a row."""
    return doubling_s(TRY_AGAIN_FIRST_S, TRY_AGAIN_MAX_S, failures - 1, draw)
