"""docs/operations.md tells every metric, event and alarm of the anchorer, as the code has them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from wayproof.ledger import metrics
from wayproof.model import anchor
from wayproof.model.anchor import Alarm

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def families() -> Iterator[Metric]:
    """Every metric that the anchorer has."""
    for value in vars(metrics).values():
        if isinstance(value, MetricWrapperBase):
            yield from value.collect()


def metric_rows() -> list[str]:
    """The table of metrics."""
    return [
        f"| `{family.name}{'_total' * (family.type == 'counter')}` | {family.type} | {family.documentation} |"
        for family in families()
    ]


def log_calls() -> Iterator[ast.Call]:
    """Every call that writes a log entry."""
    for path in sorted((ROOT / "ledger").rglob("*.py")):
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


def alarm_rows() -> list[str]:
    """The table of alarms, out of the docstrings that stand below the names."""
    tree = ast.parse(Path(str(anchor.__file__)).read_text(encoding="utf-8"))
    (names,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == Alarm.__name__]
    told = [ast.literal_eval(line.value) for line in names.body[1:] if isinstance(line, ast.Expr)]
    return [f"| `{alarm.value}` | {text} |" for alarm, text in zip(Alarm, told, strict=True)]


def table_under(heading: str, columns: int) -> list[str]:
    """The first columns of the rows of the table in a section, without its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return ["|".join([*line.split("|")[: columns + 1], ""]) for line in rows]


def test_metrics() -> None:
    """The table holds exactly the metrics, with their kind and meaning, in the order of the code."""
    assert table_under("The anchorer's metrics", 3) == metric_rows()


def test_names_start_with_the_room() -> None:
    """Every metric starts with the room's name."""
    assert all(family.name.startswith("wayproof_ledger_") for family in families())


def test_events_are_constant() -> None:
    """Every log entry is a constant message with fields beside it, and the table holds exactly these."""
    for call in log_calls():
        assert [type(argument) for argument in call.args] == [ast.Constant]
        assert all(keyword.arg for keyword in call.keywords)
    assert table_under("The anchorer's logs", 3) == log_rows()


def test_alarms() -> None:
    """The table holds exactly the alarms with their meaning; what to do stands beside each."""
    assert table_under("Alarms of the ledger", 2) == alarm_rows()
