"""docs/guarantees.md names only code and tests that exist."""

import ast
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")


def test_tests_exist() -> None:
    """Every test that is said to show a promise is a test, and every promise has one."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (path, name)
    promised = PAGE.partition("## What is promised")[2].partition("## What is not promised")[0].split("\n### ")[1:]
    assert [promise for promise in promised if "::test_" not in promise] == []


def test_code_exists() -> None:
    """Every module that is said to keep a promise is there."""
    rooms = re.findall(r"`((?:devices|ingest|ledger|model|store)/[\w/.]+)`", PAGE)
    assert rooms
    for room, _, rest in (path.partition("/") for path in rooms):
        assert (ROOT / room / "wayproof" / room / rest).exists(), (room, rest)
