"""The OpenAPI document: what FastAPI derives from the routes, and the schema of problems that all of them share."""

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI

from wayproof.api.problems import Problem

_Document = dict[str, Any]

_NEVER_SENT: Final = ("HTTPValidationError", "ValidationError")
_FRAMEWORK_ERROR: Final = "Validation Error"


def with_problems(derive: Callable[[], _Document], app: FastAPI) -> Callable[[], _Document]:
    """`derive`, whose document also holds the schemas that the problem responses refer to."""

    def openapi() -> _Document:
        complete = app.openapi_schema is not None
        document = derive()  # FastAPI keeps it and gives the same one again
        if not complete:
            schemas = document["components"]["schemas"]
            schemas |= _problem_schemas()
            for name in _NEVER_SENT:
                schemas.pop(name, None)
            for operation in (operation for item in document["paths"].values() for operation in item.values()):
                _without_framework_error(operation["responses"])
        return document

    return openapi


def _without_framework_error(responses: _Document) -> None:
    """FastAPI adds an error of its own where a route documents no 422; none of ours ever answers so."""
    if responses.get("422", {}).get("description") == _FRAMEWORK_ERROR:
        del responses["422"]


def _problem_schemas() -> _Document:
    schema = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}
