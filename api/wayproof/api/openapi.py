"""The OpenAPI document: what FastAPI derives from the routes, and the schema of problems that all of them share."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from wayproof.api.problems import Problem

_Document = dict[str, Any]


def with_problems(derive: Callable[[], _Document], app: FastAPI) -> Callable[[], _Document]:
    """`derive`, whose document also holds the schemas that the problem responses refer to."""

    def openapi() -> _Document:
        complete = app.openapi_schema is not None
        document = derive()  # FastAPI keeps it and gives the same one again
        if not complete:
            document["components"]["schemas"] |= _problem_schemas()
        return document

    return openapi


def _problem_schemas() -> _Document:
    schema = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}
