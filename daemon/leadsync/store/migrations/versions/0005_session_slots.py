"""The hundred slots: the life of a session, the vendor's last list, and every deletion, before and after."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0008"
branch_labels = None
depends_on = None

LIFE = ("adopted_at", "orphaned_since", "dormant_since", "reserved_at", "drained_at")


def upgrade() -> None:
    op.add_column("account", _time("housekept_at"))
    op.add_column("search_session", sa.Column("created_by", sa.String(), nullable=True))
    for name in LIFE:
        op.add_column("search_session", _time(name))
    op.add_column("search_session", sa.Column("throwaway", sa.Boolean(), nullable=False, server_default=sa.false()))
    _list()
    _actions()


def _list() -> None:
    op.create_table(
        "listed_session",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        _time("created_at"),
        _time("last_request_at"),
        sa.PrimaryKeyConstraint("account", "name"),
    )


def _actions() -> None:
    op.create_table(
        "slot_action",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("account", "session")),
        sa.Column("job", sa.String(), nullable=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("asked_by", "why")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("fence", "vendor_total")),
        sa.Column("ledger_total", sa.Integer(), nullable=True),
        _time("created_at"),
        _time("last_request_at"),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        _time("ended_at"),
        sa.Column("message", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "slot_action_one_open",
        "slot_action",
        ["account", "session"],
        unique=True,
        sqlite_where=sa.text("state = 'asked'"),
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index("slot_action_by_session", "slot_action", ["account", "session", "id"])


def _time(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)
