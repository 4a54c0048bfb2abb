"""The only time of a job, which is never forgotten, also where the job has other times meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slot", sa.Column("is_only", sa.Boolean(), nullable=False, server_default=sa.false()))
