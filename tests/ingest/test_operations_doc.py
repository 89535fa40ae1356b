"""docs/operations.md tells every metric and every event, as the code has them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from wayproof.ingest import metrics

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def families() -> Iterator[Metric]:
    """Every metric that an ingestor has."""
    for value in vars(metrics).values():
        if isinstance(value, MetricWrapperBase | metrics.BulkHistogram):
            yield from value.collect()


def metric_rows() -> list[str]:
    """The table of metrics."""
    return [
        f"| `{family.name}{'_total' * (family.type == 'counter')}` | {family.type} | {family.documentation} |"
        for family in families()
    ]


def log_calls() -> Iterator[ast.Call]:
    """Every call that writes a log entry."""
    for path in sorted((ROOT / "ingest").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("_log."):
                yield node


def log_rows() -> list[str]:
    """The table of events."""
    rows = set()
    for call in log_calls():
        assert isinstance(call.func, ast.Attribute)
        (event,) = call.args
        fields = ", ".join(f"`{keyword.arg}`" for keyword in call.keywords)
        rows.add(f"| {call.func.attr} | {ast.literal_eval(event)} | {fields} |")
    return sorted(rows)


def table_under(heading: str) -> list[str]:
    """The rows of the table in a section, without its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def test_metrics() -> None:
    """The table holds exactly the metrics, with their kind and meaning, in the order of the code."""
    assert table_under("Metrics") == metric_rows()


def test_names_tell_units() -> None:
    """Every metric starts with the room's name; what is measured in a unit says which."""
    for family in families():
        assert family.name.startswith("wayproof_ingest_")
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_messages"))


def test_events_are_constant() -> None:
    """Every log entry is a constant message with fields beside it, and the table holds exactly these."""
    for call in log_calls():
        assert [type(argument) for argument in call.args] == [ast.Constant]
        assert all(keyword.arg for keyword in call.keywords)
    assert table_under("Logs") == log_rows()
