"""The tables of config.toml, each key with its default and its unit.

Those about who is told stand in `telling`.

What is written here is what `leadsync schema config` tells an editor.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, Strict, ValidationInfo, WithJsonSchema, field_validator, model_validator

from leadsync.config.secret import Secret
from leadsync.config.section import Section
from leadsync.config.telling import Metrics, Notify, Ping
from leadsync.config.units import (
    Dollars,
    Duration,
    IpAddress,
    ListenAddress,
    LoopbackAddress,
    PositiveDuration,
    Size,
    Url,
    Zone,
    duration,
    size,
)

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
SCHEMES = ("sqlite:///", "postgresql")
Records = Annotated[int, Field(ge=0)]
Days = Annotated[int, Field(le=3650)]


class Store(Section):
    """The ledger: what was delivered, what it cost, which keys are open."""

    url: str = "sqlite:///leadsync.db"
    """Where the ledger lies. A relative path is meant from $STATE_DIRECTORY where that is set, else from this file."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if not url.startswith(SCHEMES):
            raise ValueError('must be such as "sqlite:///leadsync.db": three slashes, then the path')
        path = url.removeprefix("sqlite:///")
        if url.startswith("sqlite") and Path(path).name in {"", "..", ":memory:"}:
            raise ValueError("must name a file: a ledger in memory forgets what was paid for")
        if url.startswith("sqlite") and path.startswith("~"):
            raise ValueError("must not begin with ~, which would be a folder of that name: write the path out")
        if url.startswith("sqlite") and ("?" in url or not url.isprintable()):
            raise ValueError("must be a plain path, without ? and options")
        return url


class Log(Section):
    """What is logged, and how a line looks; the log goes to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severity that is written."""

    format: Literal["auto", "console", "json", "journal"] = "auto"
    """auto: console on a terminal, fields of the journal where systemd leads stderr there, else JSON."""


class DollarBudget(Section):
    """What may be spent, in US dollars; at least one limit, or "unlimited" where the table would stand."""

    dollars_per_day: Dollars | None = None
    """US dollars a day."""

    dollars_per_month: Dollars | None = None
    """US dollars a calendar month."""

    @model_validator(mode="before")
    @classmethod
    def _decided(cls, value: Any) -> Any:
        if value == "unlimited":
            return dict.fromkeys(cls.model_fields)
        if not value or not isinstance(value, dict | DollarBudget):
            raise ValueError(f'must be "unlimited" or set at least one of {", ".join(cls.model_fields)}')
        return value

    @property
    def in_dollars(self) -> bool:
        """True where a limit is one of dollars, so that a price is needed to keep it."""
        return self.dollars_per_day is not None or self.dollars_per_month is not None


def _priced(price: Decimal, info: ValidationInfo) -> Decimal:
    budget = info.data.get("budget")
    if not price and isinstance(budget, DollarBudget) and budget.in_dollars:
        raise ValueError("must be more than 0 where the budget is in dollars: at 0 that budget never ends")
    return price


Price = Annotated[Dollars, AfterValidator(_priced)]


class Budget(DollarBudget):
    """What an account may buy; every limit that is set holds. Days and months are those of `budget_timezone`."""

    records_per_day: Records | None = None
    """Billed records a day."""

    records_per_month: Records | None = None
    """Billed records a calendar month."""


class Account(Section):
    """One BatchData team: its token, its limits, its 100 session slots."""

    token: Secret
    """Where the API token lies."""

    budget: Budget
    """The most that may be bought: somebody must decide, so there is no default."""

    budget_timezone: Zone = ZoneInfo("UTC")
    """The time zone whose midnight begins a day and a month of the budget."""

    base_url: Url = "https://api.batchdata.com"
    """The vendor's API; http is allowed to this machine alone."""

    requests_per_minute: Annotated[int, Field(ge=1)] = 3000
    """Requests a minute over all endpoints; the vendor allows a token 3,000."""

    session_cap: Annotated[int, Field(ge=1, le=100)] = 100
    """Session slots that the team has; the vendor gives 100."""

    session_reserve: Annotated[int, Field(ge=0, le=100, validate_default=True)] = 5
    """Slots that leadsync leaves free for the people who use the vendor's other tools."""

    price_per_record: Price = Decimal("0.01")
    """US dollars a record, for what is shown and for budgets in dollars: take it from the contract."""

    audit_every: Duration = duration("15m")
    """How long a comparison with the vendor's totals is trusted."""

    @field_validator("session_reserve")
    @classmethod
    def _room(cls, reserve: int, info: ValidationInfo) -> int:
        if reserve >= info.data.get("session_cap", 101):
            raise ValueError("must be less than session_cap, or no slot is left for a job")
        return reserve


class Housekeeping(Section):
    """What is done about sessions that no job uses any more."""

    every: PositiveDuration = duration("6h")
    """The interval between two looks at the slots."""

    delete: Literal["never", "orphans", "stale"] = "never"
    """never: only warn. orphans: our sessions whose job file is gone. stale: also ours, of disabled jobs."""

    orphan_after_days: Annotated[Days, Field(ge=0)] = 30
    """Days since the job file went and since the session's last request."""

    stale_after_days: Annotated[Days, Field(ge=1)] = 90
    """Days since the last request of a disabled job's session."""


INFLATED_MAX = size("128MiB")


class Webhooks(Section):
    """The inbox for results that the vendors push; async pulls and skip traces need it."""

    listen: ListenAddress = "127.0.0.1:8480"
    """Host and port to listen on, unless a socket is inherited from systemd."""

    public_url: Url
    """The address under which the vendors reach the inbox."""

    proxies: Annotated[tuple[IpAddress, ...], Strict(strict=False)] = ("127.0.0.1", "::1")
    """Addresses of the proxies in front: of these any number may connect, up to connections_max."""

    head_max: Annotated[Size, Field(json_schema_extra={"default": "16KiB"})] = size("16KiB")
    """The largest head of a request, its first line and its headers together, in bytes once it is read."""

    head_within: PositiveDuration = duration("10s")
    """How long a request's head may take to arrive."""

    body_max: Annotated[Size, Field(json_schema_extra={"default": "64MiB"})] = size("64MiB")
    """The largest body that is accepted, in bytes once it is read."""

    request_within: PositiveDuration = duration("60s")
    """How long the rest of a request may take to arrive."""

    inflated_max: Annotated[Size, Field(json_schema_extra={"default": "128MiB"})] = INFLATED_MAX
    """The most that a compressed body may become when it is unpacked, in bytes once it is read."""

    connections_max: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Connections at once; then the oldest that has shown no right address gives way to a new one."""

    connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Connections at once from one network address, as long as they have shown no right address of a webhook."""


class Health(Section):
    """Whether the daemon is at work, for whoever watches it: GET /healthz, also on its control socket."""

    listen: LoopbackAddress | None = None
    """Host and port on this machine alone; default: no port."""


class SkipTrace(Section):
    """Phone numbers and e-mail addresses of owners, bought in bulk from RealEstateAPI."""

    api_key: Secret
    """Where the API key lies."""

    budget: DollarBudget
    """The most that may be spent: somebody must decide, so there is no default."""

    base_url: Url = "https://api.realestateapi.com"
    """The vendor's API; http is allowed to this machine alone."""

    price_per_match: Price = Decimal("0.10")
    """US dollars a match, for what is shown and for the budget: take it from the contract."""

    fresh_for: Duration = duration("90d")
    """How long a result, a miss included, is not bought again."""

    hold_for: Duration = duration("24h")
    """How long fewer than ten owners wait for company."""

    allow_await: bool = False
    """Whether fewer than ten may go, after that, through the endpoint that answers at once."""

    suppression: Annotated[Path, Field(strict=False), WithJsonSchema({"type": "string"})] | None = None
    """A list of people who are never traced; a relative path is meant from this file."""

    deadline: PositiveDuration = duration("24h")
    """How long a batch's results are waited for."""

    on_missing: Literal["list", "retry"] = "list"
    """What is done after the deadline about results that did not come."""


class ConfigFile(Section):
    """leadsync: config.toml. Its jobs have files of their own."""

    store: Store = Store()
    log: Log = Log()
    accounts: Annotated[dict[str, Account], Field(min_length=1)]
    """The BatchData teams, each under a name of its own: [accounts.main]."""

    housekeeping: Housekeeping = Housekeeping()
    webhooks: Webhooks | None = None
    health: Health = Health()
    skip_trace: SkipTrace | None = None
    notify: Notify | None = None
    ping: Ping | None = None
    metrics: Metrics | None = None
