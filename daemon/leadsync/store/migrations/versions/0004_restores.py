"""A restored store remembers up to which total of the vendor's it asks its old keys again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("search_session", sa.Column("recover_until", sa.Integer(), nullable=True))
