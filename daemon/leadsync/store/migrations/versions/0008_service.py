"""The service: why the last reload was refused, and when the store was last looked through."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("reload_refused", sa.String(), nullable=True))
    op.add_column("installation", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
