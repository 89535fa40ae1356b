"""Fixtures on real services; each `fix_*.py` holds those of one service. Those that others import come first."""

pytest_plugins = [
    "fix_postgres",
    "fix_mqtt",
    "fix_registry",
    "fix_ingest",
    "fix_intake",
    "fix_packing",
    "fix_replay",
    "fix_telemetry",
    "fix_custody",
    "fix_log",
    "fix_api",
    "fix_up",
    "fix_faults",
    "fix_browser",
    "fix_chain",
]
