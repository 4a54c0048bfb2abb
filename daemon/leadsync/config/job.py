"""A job file: what is pulled, when, into which session, and what the job does when something is not as it was."""

from typing import Annotated, Any, Literal

from pydantic import Field, Strict
from pydantic.json_schema import SkipJsonSchema

from leadsync.config.schedule import Schedule
from leadsync.config.secret import Secret
from leadsync.config.section import Section
from leadsync.config.units import PositiveDuration, duration
from leadsync.core.schedule import At

DATASETS_MAX = 5
PAGE_SIZE_MAX = 500
ASYNC_ABOVE = 500
RECORDS_MAX = 1_000_000_000
"""More than there are properties; what is beyond 64 bits could not even be written down."""

ONE_SHOT_KEYS = ("records", "async_above", "windows_in_flight", "deadline", "on_expiry", "retry_unknown")
INCREMENTAL_KEYS = ("session", "adopt")
"""What a one-shot has no use for: its session is of its own making, and thrown away."""


class JobSkipTrace(Section):
    """Whether the owners of what this job delivers are skip-traced."""

    enabled: bool = False
    """Needs [webhooks] and [skip_trace] in config.toml."""


class Job(Section):
    """leadsync: one job; its name is the name of its file."""

    name: SkipJsonSchema[str] = ""
    """The stem of its file; no key of the file."""

    kind: Literal["incremental", "one_shot"]
    """incremental: what is new, each time, through a session. one_shot: so many records, once."""

    account: str = ""
    """The account that pays; may be left out where there is one."""

    session: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")] = ""
    """The BatchData search session; default: the job's name. Another name buys the whole list again.
    incremental only."""

    schedule: Schedule | None = None
    """When the job runs; without one it runs by `leadsync once` alone."""

    missed: Literal["run_once", "skip"] = "run_once"
    """What a start does about a time that passed while leadsync was down."""

    page_size: Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX)] = 250
    """Records a request, 1 to 500: a lost or doubled page costs this many."""

    records_per_run: Annotated[int, Field(ge=1)] | None = None
    """The most that one run buys; default: no limit but the account's budget."""

    run_timeout: PositiveDuration = duration("2h")
    """How long a run may take before it is stopped between two pages."""

    datasets: Annotated[tuple[str, ...], Strict(strict=False), Field(max_length=DATASETS_MAX)] = ()
    """The vendor's data sets, at most five; default: all that the token may see."""

    adopt: bool = False
    """Take over a session that exists at the vendor and that leadsync did not create. incremental only."""

    buy_again: bool = False
    """Pull criteria that another session has delivered already: the same list is billed once more."""

    on_drift: Literal["park", "continue"] = "park"
    """What is done where the vendor's total is not the ledger's."""

    on_criteria_change: Literal["park", "continue"] = "park"
    """What is done where [search] or the sort changed under the same session."""

    ping: Secret | None = None
    """Where the address of its dead-man's switch lies: called with /start, bare at a good end, with /fail at a bad."""

    enabled: bool = True
    """A disabled job keeps its session and its books, and does not run."""

    records: Annotated[int, Field(ge=1, le=RECORDS_MAX)] | None = None
    """one_shot only, and needed there: how many records are wanted."""

    async_above: Annotated[int, Field(ge=0)] = ASYNC_ABOVE
    """one_shot only: more records than this go to the async endpoint, where there is [webhooks]."""

    windows_in_flight: Annotated[int, Field(ge=1, le=100)] = 1
    """one_shot only: async requests that may be unanswered at once, once the vendor has shown that it honours skip."""

    deadline: PositiveDuration = duration("6h")
    """one_shot only: how long an async result is waited for; then it counts as spent."""

    on_expiry: Literal["stop", "ask_again"] = "stop"
    """one_shot only: what is done after the deadline; asking again may be billed once more, up to twice a request."""

    retry_unknown: bool = False
    """one_shot only: whether a request without a key is repeated where its reply was lost: it may be billed twice."""

    search: Annotated[dict[str, Any], Field(min_length=1)]
    """The vendor's searchCriteria, sent as they are."""

    options: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies a default, it is not shared
    """Further vendor options, sent as they are; those that leadsync owns are refused."""

    skip_trace: JobSkipTrace = JobSkipTrace()

    @property
    def named_session(self) -> str | None:
        """The session that its file names; a one-shot's are named by its lives, and by no file."""
        return self.session if self.kind == "incremental" else None

    @property
    def recurs(self) -> bool:
        """Whether it runs again and again, be it by hand."""
        return self.kind == "incremental" and not (self.schedule and isinstance(self.schedule.times, At))

    @classmethod
    def file_keys(cls) -> tuple[str, ...]:
        """Return the keys that a job file may have: all but the name."""
        return tuple(key for key in cls.model_fields if key != "name")
