"""One-shots: their lives, and requests without a key."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("page", sa.Column("keyless", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "one_shot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("route", sa.String(), nullable=True),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["search_session.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "job", "life"),
        sa.UniqueConstraint("session_id"),
    )
    alive = sa.text("outcome IS NULL")
    op.create_index(
        "one_shot_one_alive", "one_shot", ["account", "job"], unique=True, sqlite_where=alive, postgresql_where=alive
    )
