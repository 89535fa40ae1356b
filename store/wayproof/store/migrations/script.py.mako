"""${message}."""

from wayproof.store.migrate import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Runs the revision's SQL."""
    run_sql("${up_revision}_${slug}.sql")
