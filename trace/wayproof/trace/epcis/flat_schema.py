"""A JSON schema in a form that says quickly whether a document is valid, and not what is wrong with it.

For `unevaluatedProperties` a validator looks again at what each part of a schema has looked at. Here every object has
the properties of all parts in one place, and `additionalProperties` in its stead: a quarter of the time.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_GATHERED: Final = frozenset({"$ref", "allOf", "properties", "patternProperties", "unevaluatedProperties"})


def flattened(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema, all within it included; `definitions` are its `$defs`."""
    if isinstance(schema, list):
        return [flattened(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    whole = _gathered(schema, definitions) if schema.get("unevaluatedProperties") is False else schema
    return {name: flattened(part, definitions) for name, part in whole.items()}


def _gathered(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, list[Any]] = {}
    patterns: dict[str, Any] = {}
    rest = []
    for part in _parts(schema, definitions):
        for name, of_one in part.get("properties", {}).items():
            properties.setdefault(name, []).append(of_one)
        patterns |= part.get("patternProperties", {})
        rest.append({name: value for name, value in part.items() if name not in _GATHERED})
    return {
        "properties": {name: {"allOf": each} for name, each in properties.items()},
        "patternProperties": patterns,
        "additionalProperties": False,
        "allOf": [part for part in rest if part],
    }


def _parts(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schema and all that holds beside it."""
    yield schema
    if "$ref" in schema:
        yield from _parts(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    for part in schema.get("allOf", ()):
        yield from _parts(part, definitions)
