"""Fixtures on real services; each `fix_*.py` holds those of one service. Those that others import come first."""

import sys

import py_ecc  # noqa: F401 - loaded by eth_account; it sets the recursion limit to 100,000, where deep JSON ends us
from hypothesis import settings

sys.setrecursionlimit(1_000)

# A busy machine is no failure: pytest-timeout ends what hangs.
settings.register_profile("wayproof", deadline=None)
settings.load_profile("wayproof")

pytest_plugins = [
    "fix_alone",
    "fix_order",
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
    "fix_epcis",
    "fix_graph",
    "fix_webhooks",
    "fix_up",
    "fix_faults",
    "fix_browser",
    "fix_chain",
    "fix_anchorer",
    "fix_verify",
    "fix_exports",
    "fix_recalls",
]
