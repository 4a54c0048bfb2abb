"""The skip trace: who is looked for, what was asked for them, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "trace_desk",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("paused_reason", sa.String(), nullable=True),
        sa.Column("paused_message", sa.String(), nullable=True),
        sa.Column("paused_at", _MOMENT, nullable=True),
        sa.Column("again_at", _MOMENT, nullable=True),
        sa.Column("parked_until", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "trace_job",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("looked_at", sa.Integer(), nullable=False),
        sa.Column("properties", sa.Integer(), nullable=False),
        sa.Column("owners", sa.Integer(), nullable=False),
        sa.Column("no_owner", sa.Integer(), nullable=False),
        sa.Column("no_address", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("job"),
    )
    op.create_table(
        "trace_subject",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("property", sa.String(), nullable=False),
        sa.Column("sent", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("wanted_at", _MOMENT, nullable=False),
        sa.Column("answered_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("identity"),
    )
    op.create_index("trace_subject_by_state", "trace_subject", ["state", "wanted_at", "id"])
    op.create_table(
        "trace_delivery",
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"]),
        sa.ForeignKeyConstraint(["subject_id"], ["trace_subject.id"]),
        sa.PrimaryKeyConstraint("delivery_id", "subject_id"),
    )
    op.create_index("trace_delivery_by_subject", "trace_delivery", ["subject_id"])
    _create_batches()
    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=True),
        sa.Column("do_not_call", sa.Boolean(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["trace_subject.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("subject_id", "kind", "value"),
    )
    op.create_index("contact_by_value", "contact", ["value"])


def _create_batches() -> None:
    op.create_table(
        "trace_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        *(sa.Column(count, sa.Integer(), nullable=False) for count in ("items", "matched", "missed", "missing")),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("price_micros", sa.Integer(), nullable=False),
        sa.Column("key_digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("vendor_id", sa.String(), nullable=True),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("deadline_at", _MOMENT, nullable=False),
        sa.Column("acknowledged_at", _MOMENT, nullable=True),
        sa.Column("completed_at", _MOMENT, nullable=True),
        sa.Column("settled_at", _MOMENT, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    unsettled = sa.text("settled_at IS NULL")
    op.create_index(
        "trace_batch_open", "trace_batch", ["deadline_at"], sqlite_where=unsettled, postgresql_where=unsettled
    )
    op.create_index("trace_batch_by_time", "trace_batch", ["asked_at"])
    op.create_table(
        "trace_item",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("answered_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["trace_batch.id"]),
        sa.ForeignKeyConstraint(["subject_id"], ["trace_subject.id"]),
        sa.PrimaryKeyConstraint("batch_id", "key"),
    )
    sent = sa.text("state = 'sent'")
    op.create_index(
        "trace_item_one_open", "trace_item", ["subject_id"], unique=True, sqlite_where=sent, postgresql_where=sent
    )
    op.create_index("trace_item_by_state", "trace_item", ["state", "batch_id"])
