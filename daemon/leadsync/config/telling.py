"""The tables about who is told: [notify], [ping], [metrics], and the hours in which nobody is."""

import re
from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from leadsync.config.secret import Secret
from leadsync.config.section import Section
from leadsync.config.units import Duration, LoopbackAddress, PositiveDuration, Zone, duration
from leadsync.config.wording import shown

CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
NOTIFIER_NAME = r"^[a-zA-Z0-9_-]{1,64}$"


def clock(value: object) -> time:
    """Read a time of day, `"07:00"`."""
    if isinstance(value, time):
        return value
    found = CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'must be a time of day such as "07:00", not {shown(value)}')
    return time(int(found[1]), int(found[2]))


CLOCK_SCHEMA = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["07:00", "22:30"]}
ClockTime = Annotated[time, BeforeValidator(clock), WithJsonSchema(CLOCK_SCHEMA)]


class QuietHours(Section):
    """Hours in which only what is new and urgent is told; the rest comes as one message at their end."""

    begin: ClockTime
    """When they begin, on the clock of `timezone`."""

    end: ClockTime
    """When they end; where that is before their begin, on the next day."""

    timezone: Zone = ZoneInfo("UTC")
    """The time zone of the clock that is meant."""

    @model_validator(mode="after")
    def _last(self) -> "QuietHours":
        if self.begin == self.end:
            raise ValueError("must not begin and end at the same time: that is all day long, or never")
        return self


class NotifierTable(Section):
    """One notifier: mail, Slack, ntfy, a webhook, or whatever else Apprise knows."""

    url: Secret
    """Where its Apprise URL lies, such as `mailtos://…` or `slack://…`: it holds a password, so it is a secret."""

    least: Literal["note", "warning", "urgent"] = "note"
    """The least severe condition that it is told."""


class Notify(Section):
    """Who is told of conditions: once, in a reminder a day, and once more when they are over."""

    remind_every: PositiveDuration = duration("24h")
    """How often a condition that lasts is told again."""

    together: Duration = duration("5m")
    """After a message, what comes within so long is one message."""

    quiet: QuietHours | None = None
    """Hours in which nobody is to be woken; default: none."""

    to: Annotated[dict[Annotated[str, Field(pattern=NOTIFIER_NAME)], NotifierTable], Field(min_length=1)]
    """The notifiers, each under a name of its own: [notify.to.team]."""


class Ping(Section):
    """A dead-man's switch for the daemon, in the form of healthchecks.io: who is not pinged any more calls you."""

    url: Secret
    """Where the address lies that is called while all is well, and with /start and /fail behind it."""

    every: PositiveDuration = duration("5m")
    """How often it is called; set the switch's own grace to several times as long."""


class Metrics(Section):
    """Figures for Prometheus, on a port of this machine alone; without this table there is no port."""

    listen: LoopbackAddress = "127.0.0.1:9482"
    """Host and port to listen on, a loopback address."""
