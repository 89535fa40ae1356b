"""Fixtures on real services; each `fix_*.py` holds those of one service."""

pytest_plugins = ["fix_ingest", "fix_mqtt", "fix_postgres", "fix_registry"]
