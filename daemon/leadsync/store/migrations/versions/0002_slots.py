"""The daemon: the times of the jobs, one row a slot."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fire_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "slot_once",
        "slot",
        ["job", "due_at"],
        unique=True,
        sqlite_where=sa.text("cause = 'schedule'"),
        postgresql_where=sa.text("cause = 'schedule'"),
    )
    op.create_index(
        "slot_one_planned",
        "slot",
        ["job", "cause"],
        unique=True,
        sqlite_where=sa.text("state = 'planned'"),
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_index("slot_by_job", "slot", ["job", "due_at"])
