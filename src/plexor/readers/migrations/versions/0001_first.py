"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates all tables."""
    op.create_table(
        "studies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("design", sa.JSON, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("password", sa.String(200)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
    )
    op.create_table(
        "stimuli",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("case_token", sa.String(32), nullable=False),
        sa.Column("group_token", sa.String(32), nullable=False),
        sa.Column("arm_token", sa.String(32), nullable=False),
        sa.Column("case_set", sa.Integer, nullable=False),
        sa.Column("training", sa.Boolean, nullable=False),
        sa.Column("view", sa.JSON, nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
    )
    op.create_table(
        "readers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("pilot", sa.Boolean, nullable=False),
        sa.Column("language", sa.String(5), nullable=False),
        sa.Column("profile", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("consented_at", sa.BigInteger),
        sa.Column("withdrawn_at", sa.BigInteger),
    )
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("reader_id", sa.Integer, sa.ForeignKey("readers.id"), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("reader_id", sa.Integer, sa.ForeignKey("readers.id")),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_table(
        "reads",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("reader_id", sa.Integer, sa.ForeignKey("readers.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("stimuli", sa.JSON, nullable=False),
        sa.UniqueConstraint("reader_id", "position"),
    )
    op.create_table(
        "openings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("read_id", sa.String(32), sa.ForeignKey("reads.id"), nullable=False),
        sa.Column("display", sa.JSON, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
    )
    op.create_index("openings_by_read", "openings", ["read_id"])
    op.create_table(
        "submissions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("reader_id", sa.Integer, sa.ForeignKey("readers.id"), nullable=False),
        sa.Column("read_id", sa.String(32), sa.ForeignKey("reads.id"), nullable=False),
        sa.Column("client_key", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer),
        sa.Column("answers", sa.JSON, nullable=False),
        sa.Column("elapsed_ms", sa.BigInteger, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("display", sa.JSON, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("reader_id", "client_key"),
        sa.UniqueConstraint("read_id", "revision"),
    )
    op.create_table(
        "log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Drops all tables."""
    for table in (
        "log",
        "submissions",
        "openings",
        "reads",
        "sessions",
        "tokens",
        "readers",
        "stimuli",
        "studies",
    ):
        op.drop_table(table)
