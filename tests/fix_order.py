"""The order of files: what takes long comes first, or at the end one worker would be at it while the others idle."""

from typing import Final

import pytest

SLOW: Final = (
    "api/test_fuzz.py",
    "test_custody_doc.py",
    "cli/test_up_restart.py",
    "devices/test_replay.py",
    "web/test_entry_pages.py",
    "cli/test_simulate.py",
    "web/test_overview_page.py",
    "ledger/test_anchorer_killed.py",
    "test_tracing_doc.py",
    "ledger/test_custodians.py",
    "trace/test_epcis_schema.py",
    "ledger/test_founding.py",
    "test_real_data.py",
    "ledger/test_anchorer.py",
    "cli/test_up.py",
    "ledger/test_audit.py",
    "test_compose.py",
    "ledger/verify/test_verify_chain.py",
    "ingest/test_faults.py",
    "ledger/verify/test_tampering.py",
    "devices/test_publisher_to_store.py",
    "ingest/test_leaving.py",
    "ledger/test_anchorer_nodes.py",
    "ingest/test_database_faults.py",
    "store/test_telemetry.py",
    "trace/test_capture_worker.py",
    "api/test_resolver_routes.py",
    "api/test_epcis_query_routes.py",
    "cli/test_plan.py",
    "ledger/verify/test_strange_nodes.py",
    "trace/test_query_search.py",
    "ledger/contract/test_contract_machine.py",
    "trace/test_subscriptions.py",
)
"""Files that take half a minute or more, the slowest first; `make test ARGS=--durations=0` shows what each takes."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts slow files first, and last those that wait for all others to pause: then nothing slow holds them up."""
    alone = {item.path for item in items if item.get_closest_marker("alone")}
    ranks = {name: rank for rank, name in enumerate(SLOW)}

    def rank(item: pytest.Item) -> int:
        name = item.nodeid.partition("::")[0].removeprefix("tests/")
        return len(SLOW) + 1 if item.path in alone else ranks.get(name, len(SLOW))

    items.sort(key=rank)
