"""The guards: what a person has accepted, and whether the store is still the one that was spent from."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("search_session", sa.Column("accepted", sa.String(), nullable=True))
    op.add_column("search_session", _flag("recovering"))
    op.add_column("installation", _flag("witnessed"))
    op.add_column("installation", sa.Column("doubt", sa.String(), nullable=True))
    op.add_column("installation", sa.Column("generation", sa.Integer(), nullable=False, server_default="1"))


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
