"""The OpenAPI document says what the API does."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from wayproof.api.problems import MEDIA_TYPE
from wayproof.model.access import Scope

_LINTER = Path(__file__).parents[2] / "node_modules" / ".bin" / "redocly"


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    """The document as it is served."""
    return app.openapi()


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in document["paths"].values() for operation in item.values()]


def test_document_passes_the_linter(document: dict[str, Any], tmp_path: Path) -> None:
    """Redocly's recommended rules find neither an error nor a warning."""
    if not _LINTER.exists():
        pytest.skip(f"no linter at {_LINTER}: run `npm ci`")
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document))
    argv = [str(_LINTER), "lint", "--extends=recommended", "--format=json", str(path)]
    quiet = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path, env=quiet)
    assert json.loads(done.stdout)["problems"] == [], done.stderr


def test_document_is_served_to_anybody(client: TestClient, document: dict[str, Any]) -> None:
    """Whoever wants to write a client can read the document without a key."""
    assert client.get("/openapi.json").json() == document


def test_every_operation_is_named_and_explained(document: dict[str, Any]) -> None:
    """Every operation has a name of its own, a tag and a description."""
    operations = _operations(document)
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["tags"] and operation["description"] for operation in operations)


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    """Every answer of 4xx and 5xx is documented as a problem."""
    for operation in _operations(document):
        for status, answer in operation["responses"].items():
            if status[0] in "45":
                assert list(answer["content"]) == [MEDIA_TYPE], operation["operationId"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_scopes_stand_with_the_operations(document: dict[str, Any]) -> None:
    """Every operation that is not open names the scope that it needs; a session is good for GET only."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            schemes = {name: scopes for way in operation.get("security", []) for name, scopes in way.items()}
            assert set(schemes) <= ({"apiKey", "session"} if method == "get" else {"apiKey"}), path
            assert all(set(scopes) <= set(Scope) and scopes for scopes in schemes.values())


def _refer(node: Any, seen: set[str]) -> set[str]:
    if isinstance(node, dict):
        seen |= {node["$ref"].rsplit("/", 1)[1]} if "$ref" in node else set()
        for below in node.values():
            _refer(below, seen)
    elif isinstance(node, list):
        for below in node:
            _refer(below, seen)
    return seen


def test_every_schema_is_used_and_has_examples(document: dict[str, Any]) -> None:
    """No schema is left over, and every body and every value of an answer has an example."""
    schemas = document["components"]["schemas"]
    assert _refer(document, set()) == set(schemas)
    for name, schema in schemas.items():
        if schema["type"] != "object" or "examples" in schema:
            continue
        for member, value in schema["properties"].items():
            assert _has_example(value), f"{name}.{member}"


def _has_example(schema: dict[str, Any]) -> bool:
    """A reference is exemplified where it leads to."""
    text = json.dumps(schema)
    return any(key in text for key in ('"$ref"', '"examples"', '"const"'))
