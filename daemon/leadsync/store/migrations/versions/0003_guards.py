"""The guards: what a person has accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("search_session", sa.Column("accepted", sa.String(), nullable=True))
