"""The rows of the skip trace: whose owners are looked for, what was asked for them, and what came of it.

A subject is a person and a mailing address, once over all jobs and accounts. What is sent for it is written down with
it and never changed, so an item of a batch reproduces what was asked. It is personal data, and nothing of it is logged.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from leadsync.store.columns import UtcDateTime

_SENT = text("state = 'sent'")
_OPEN = text("settled_at IS NULL")


class TraceDesk(SQLModel, table=True):
    """One row, once there is anything to trace: why nothing is sent, and until when.

    `paused_reason` waits for a person, for another API key, or for `again_at`; `parked_until` is the vendor's midnight.
    """

    __tablename__: ClassVar[Any] = "trace_desk"

    id: int = Field(default=1, primary_key=True)
    paused_reason: str | None = None
    paused_message: str | None = None
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    again_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    parked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TraceJob(SQLModel, table=True):
    """A job whose owners are traced, from the day that its file says so: deliveries up to `looked_at` are done with.

    The counts are of its properties: `owners` were found in them, `no_owner` and `no_address` had nobody to ask for.
    """

    __tablename__: ClassVar[Any] = "trace_job"

    job: str = Field(primary_key=True)
    since: datetime = Field(sa_type=UtcDateTime)
    looked_at: int
    properties: int = 0
    owners: int = 0
    no_owner: int = 0
    no_address: int = 0


class TraceSubject(SQLModel, table=True):
    """Somebody to be found, by the digest of person and mailing address; `sent` is what is asked, as JSON.

    `state` is wanted (since `wanted_at`), sent (an item is open), matched, missed, missing (the vendor said nothing in
    time) or suppressed. `answered_at` is when the last answer came; `property` is the vendor's id of the property that
    brought it first.
    """

    __tablename__: ClassVar[Any] = "trace_subject"
    __table_args__ = (Index("trace_subject_by_state", "state", "wanted_at", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    identity: str = Field(unique=True)
    property: str
    sent: bytes = Field(sa_type=LargeBinary)
    state: str = "wanted"
    wanted_at: datetime = Field(sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TraceDelivery(SQLModel, table=True):
    """Whose owners a delivery has: an answer is a change of each delivery that it touches."""

    __tablename__: ClassVar[Any] = "trace_delivery"
    __table_args__ = (Index("trace_delivery_by_subject", "subject_id"),)

    delivery_id: int = Field(primary_key=True, foreign_key="delivery.id")
    subject_id: int = Field(primary_key=True, foreign_key="trace_subject.id")


class TraceBatch(SQLModel, table=True):
    """The journal of the skip trace: one row a request that may be billed, durable before it is sent.

    `name` is our own id, which its webhooks' addresses carry. `state` is asked, out (acknowledged), unknown (whether
    the vendor took it), settled (every item has ended), refused or void (not a byte had left). `matched`, `missed` and
    `missing` count its items that have ended; the others are its reservation. `key_digest` is that of the API key which
    the vendor sends back.
    """

    __tablename__: ClassVar[Any] = "trace_batch"
    __table_args__ = (
        Index("trace_batch_open", "deadline_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("trace_batch_by_time", "asked_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    route: str
    fence: int
    items: int
    matched: int = 0
    missed: int = 0
    missing: int = 0
    size_bytes: int = 0
    price_micros: int
    key_digest: str
    state: str = "asked"
    vendor_id: str | None = None
    asked_at: datetime = Field(sa_type=UtcDateTime)
    deadline_at: datetime = Field(sa_type=UtcDateTime)
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    status: int | None = None
    message: str | None = None


class TraceItem(SQLModel, table=True):
    """One subject in one batch, under its key. `state` is sent, matched, missed, missing, or wanted: it was given back.

    The index holds that nobody is asked for twice at once. `request_id` is the vendor's, by its acknowledgement or by
    its first answer.
    """

    __tablename__: ClassVar[Any] = "trace_item"
    __table_args__ = (
        Index("trace_item_one_open", "subject_id", unique=True, sqlite_where=_SENT, postgresql_where=_SENT),
        Index("trace_item_by_state", "state", "batch_id"),
    )

    batch_id: int = Field(primary_key=True, foreign_key="trace_batch.id")
    key: int = Field(primary_key=True)
    subject_id: int = Field(foreign_key="trace_subject.id")
    state: str = "sent"
    request_id: str | None = None
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Contact(SQLModel, table=True):
    """A phone (E.164) or an e-mail of a subject; `do_not_call` is null where the vendor did not say.

    It speaks of the number, not of the subject: where another subject's row of the same number says true, that holds
    for all (see `store.trace_contacts`). `seen_at` is when the vendor named it last. One that it names no more stays:
    it was paid for.
    """

    __tablename__: ClassVar[Any] = "contact"
    __table_args__ = (UniqueConstraint("subject_id", "kind", "value"), Index("contact_by_value", "value"))

    id: int | None = Field(default=None, primary_key=True)
    subject_id: int = Field(foreign_key="trace_subject.id")
    kind: str
    value: str
    type: str | None = None
    do_not_call: bool | None = None
    source: str
    seen_at: datetime = Field(sa_type=UtcDateTime)
