"""The rows of the store, as SQLModel tables. Alembic makes them; nothing here is ever created by `create_all`.

Those of the leads are in `lead_tables`. Times are aware datetimes in UTC, money is whole micro-dollars, the vendor's
bytes are kept as they came.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, LargeBinary, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from leadsync.store.columns import UtcDateTime

_RUNNING = text("outcome IS NULL")
_OPEN = text("state = 'asked'")
_PLANNED = text("state = 'planned'")
_SCHEDULED = text("cause = 'schedule'")
_HELD = text("ended_at IS NULL")
_NO = {"server_default": false()}


class Installation(SQLModel, table=True):
    """One row: who this store is. `name` is random and part of every key; `fence` counts the starts (P5).

    `witnessed`: there is a witness beside it; `doubt` is why nothing is spent until a person has answered; `generation`
    counts the times that it was restored. `reload_refused`: why the daemon's last reload was not done; `checked_at`:
    when SQLite last looked the whole file through. `hook_secret` is random too, and part of every address of a webhook.
    """

    __tablename__: ClassVar[Any] = "installation"

    id: int = Field(default=1, primary_key=True)
    name: str
    fence: int = 0
    witnessed: bool = Field(default=False, sa_column_kwargs=_NO)
    doubt: str | None = None
    generation: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    created_at: datetime = Field(sa_type=UtcDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    hook_secret: bytes | None = Field(default=None, sa_type=LargeBinary)
    reload_refused: str | None = None
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Account(SQLModel, table=True):
    """One BatchData team. `counts_own`: whether its totals count the page they come with, None until learned."""

    __tablename__: ClassVar[Any] = "account"

    name: str = Field(primary_key=True)
    counts_own: bool | None = None
    paused_reason: str | None = None
    paused_message: str | None = None
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    listed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    slots_used: int | None = None
    slots_ours: int | None = None
    housekept_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SearchSession(SQLModel, table=True):
    """One session, over all its epochs; the counts are those of the present one (see `core.model.Books`).

    `job` is the job that used it last, `criteria` the hash that the epoch began with, `park_reason` is set while the
    job waits for a person, `accepted` is the reason that a person has accepted for the next run,
    `recovering` whether pages are missing that were billed after the backup that this store was restored from, and
    `recover_until` the vendor's total up to which they are asked for again, null until the first audit.
    What `created_by` and the times say of its life is defined in `core.slots.Life`.
    """

    __tablename__: ClassVar[Any] = "search_session"
    __table_args__ = (UniqueConstraint("account", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    account: str
    name: str
    job: str
    epoch: int = 1
    next_page: int = 1
    delivered: int = 0
    base_line: int = 0
    vendor_total: int | None = None
    criteria: str | None = None
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    park_reason: str | None = None
    park_message: str | None = None
    parked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    accepted: str | None = None
    recovering: bool = Field(default=False, sa_column_kwargs=_NO)
    recover_until: int | None = None
    created_by: str | None = None
    adopted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    orphaned_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    dormant_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reserved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    throwaway: bool = Field(default=False, sa_column_kwargs=_NO)
    drained_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ListedSession(SQLModel, table=True):
    """The vendor's last list: what others hold slots with is known from here alone. Times are the vendor's."""

    __tablename__: ClassVar[Any] = "listed_session"

    account: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    total: int
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_request_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SlotAction(SQLModel, table=True):
    """A deletion: written before it is asked for, and again when it has ended (P7).

    `state` goes from asked to deleted, gone (it was not there any more), kept (it had moved) or refused. What is asked
    without an answer is looked at and asked again. `asked_by` is who wanted it; the figures are those right before.
    """

    __tablename__: ClassVar[Any] = "slot_action"
    __table_args__ = (
        Index("slot_action_one_open", "account", "session", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("slot_action_by_session", "account", "session", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account: str
    session: str
    job: str | None = None
    asked_by: str
    why: str
    fence: int
    vendor_total: int
    ledger_total: int | None = None
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_request_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    state: str = "asked"
    asked_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    message: str | None = None


class OneShot(SQLModel, table=True):
    """One life of a one-shot job; `outcome` is null until it has ended, and then nothing more is asked.

    `session_id` is its seat: where its pages are counted, whichever way it goes. `wanted` is in records; `cursor` is
    where a search without a session goes on. `ended_at` of one that goes on is when a person had it go on.
    """

    __tablename__: ClassVar[Any] = "one_shot"
    __table_args__ = (
        UniqueConstraint("account", "job", "life"),
        Index("one_shot_one_alive", "account", "job", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    )

    id: int | None = Field(default=None, primary_key=True)
    account: str
    job: str
    life: int
    session_id: int = Field(foreign_key="search_session.id", unique=True)
    wanted: int
    route: str | None = None
    cursor: str | None = None
    begun_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = None


class Run(SQLModel, table=True):
    """One run of a job; `outcome` is null while it runs."""

    __tablename__: ClassVar[Any] = "run"
    __table_args__ = (
        Index("run_one_at_a_time", "job", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index(
            "run_one_per_session", "account", "session", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING
        ),
        Index("run_by_job", "job", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    job: str
    account: str
    session: str | None = None
    route: str
    trigger: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = None
    reason: str | None = None
    message: str | None = None
    pages: int = 0
    records: int = 0
    new: int = 0
    replays: int = 0
    waited_s: float = 0.0
    cost_micros: int = 0


class Slot(SQLModel, table=True):
    """A time of a job, once: `due_at` by its schedule, `fire_at` with its jitter.

    `cause` is schedule, or retry: what weather ended, or what waited. `state` goes from planned over taken (its run has
    begun) to done; skipped where nobody wanted it any more. `is_only`: it was the only time of its job.
    """

    __tablename__: ClassVar[Any] = "slot"
    __table_args__ = (
        Index("slot_once", "job", "due_at", unique=True, sqlite_where=_SCHEDULED, postgresql_where=_SCHEDULED),
        Index("slot_one_planned", "job", "cause", unique=True, sqlite_where=_PLANNED, postgresql_where=_PLANNED),
        Index("slot_by_job", "job", "due_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    job: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    fire_at: datetime = Field(sa_type=UtcDateTime)
    cause: str
    state: str = "planned"
    is_only: bool = Field(default=False, sa_column_kwargs=_NO)


class Page(SQLModel, table=True):
    """The journal: one row a request that may be billed. `state` goes from asked (open) to one of four others.

    Stored; refused or void, not billed; unknown, perhaps billed. A window's is awaited from the first: its answer comes
    by webhook (see `AsyncRequest`). `take` is the reservation in records while the row is open, `billed` what the
    vendor billed; both count in the day of `asked_at`, which is moved to the answer. `epoch` and `number` say where the
    page stands; the key keeps the place where it was asked. A keyless request is known by the key here alone. Where its
    answer was lost, or a session was deleted with a key open, it is unknown, and `billed` is all that it may have cost.
    """

    __tablename__: ClassVar[Any] = "page"
    __table_args__ = (
        UniqueConstraint("session_id", "epoch", "number"),
        Index("page_one_open_key", "session_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("page_by_account", "account", "asked_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    account: str
    session_id: int = Field(foreign_key="search_session.id")
    run_id: int = Field(foreign_key="run.id")
    fence: int
    epoch: int
    number: int
    key: str = Field(unique=True)
    keyless: bool = Field(default=False, sa_column_kwargs=_NO)
    take: int
    price_micros: int
    request: bytes = Field(sa_type=LargeBinary)
    state: str = "asked"
    asked_at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    billed: int = 0
    new: int = 0
    total: int | None = None
    replays: int = 0
    request_id: str | None = None
    status: int | None = None
    message: str | None = None


class AsyncRequest(SQLModel, table=True):
    """What the journal's row of a window of a one-shot has beside; its id at the vendor's is the row's `request_id`.

    The row's state says what became of it: awaited, stored (the result has come), unknown (nothing came by
    `deadline_at`; it counts as spent), refused (the vendor has sent an error), void (never taken, or never sent: then
    it is no window). `life_id` is the one-shot's life, `window` counts its windows, `skip` is in records. `again`: it
    has expired, and its window is to be asked again. `acknowledged_at` is null where the acknowledgement was lost.
    """

    __tablename__: ClassVar[Any] = "async_request"
    __table_args__ = (Index("async_request_by_life", "life_id", "window"),)

    page_id: int = Field(primary_key=True, foreign_key="page.id")
    life_id: int = Field(foreign_key="one_shot.id")
    window: int
    skip: int
    deadline_at: datetime = Field(sa_type=UtcDateTime)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    again: bool = Field(default=False, sa_column_kwargs=_NO)


class InboxMessage(SQLModel, table=True):
    """A webhook as it came. `copies` came alike.

    `state` is waiting, taken (its effect is in the store), quarantined or discarded (a person has given it up).
    `version` counts the bodies that came to one address; `tries` the processes that have begun to read it, of which the
    last wrote under `fence`. `reason` and `detail` say why it waits in quarantine, in words without its content.
    """

    __tablename__: ClassVar[Any] = "inbox_message"
    __table_args__ = (
        UniqueConstraint("kind", "subject", "digest"),
        Index("inbox_message_by_state", "state", "tries", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    subject: str
    version: int
    digest: str
    state: str = "waiting"
    copies: int = 1
    tries: int = 0
    fence: int = 0
    reason: str | None = None
    detail: str | None = None
    received_at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    headers: str
    size_bytes: int


class InboxBody(SQLModel, table=True):
    """The body of a webhook as it came; apart, since SQLite writes a row anew as a whole when its state changes.

    It is dropped some days after its message was taken, or discarded.
    """

    __tablename__: ClassVar[Any] = "inbox_body"

    message_id: int = Field(primary_key=True, foreign_key="inbox_message.id")
    body: bytes = Field(sa_type=LargeBinary)


class Condition(SQLModel, table=True):
    """Something that is not as it should be (see `core.conditions`), from its begin to its end.

    `worst` is its worst measure, `said` the one that the log has said last, `told` as JSON what each notifier has told
    of it and when (see `core.watch.Told`), by the notifiers' names.
    """

    __tablename__: ClassVar[Any] = "condition"
    __table_args__ = (
        UniqueConstraint("name", "subject", "began_at"),
        Index("condition_one_open", "name", "subject", unique=True, sqlite_where=_HELD, postgresql_where=_HELD),
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str
    subject: str
    began_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    worst: float
    said: float
    detail: str
    told: str
