"""Fixtures on real services; each `fix_*.py` holds those of one service. Those that others import come first."""

from hypothesis import settings

# A busy machine is no failure: pytest-timeout ends what hangs.
settings.register_profile("wayproof", deadline=None)
settings.load_profile("wayproof")

pytest_plugins = [
    "fix_postgres",
    "fix_mqtt",
    "fix_registry",
    "fix_ingest",
    "fix_intake",
    "fix_packing",
    "fix_replay",
    "fix_telemetry",
    "fix_api",
    "fix_up",
    "fix_faults",
    "fix_browser",
    "fix_chain",
]
