"""Our JSON schema of EPCIS 2.0 and what it finds, in words of the standard."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from itertools import islice
from typing import Any, Final

from jsonschema_rs import Draft202012Validator, ValidationError

from wayproof.trace.epcis.fields import Path
from wayproof.trace.epcis.flat_schema import flattened

SCHEMA: Final[dict[str, Any]] = json.loads(files(__package__).joinpath("schema.json").read_bytes())
DEFINITIONS: Final[Mapping[str, Any]] = SCHEMA["$defs"]

_QUICK: Final = Draft202012Validator(flattened(SCHEMA, DEFINITIONS), validate_formats=True)
_DOCUMENT: Final = Draft202012Validator(SCHEMA, validate_formats=True)
_EVENT: Final = Draft202012Validator({"$ref": "#/$defs/event", "$defs": DEFINITIONS}, validate_formats=True)
_MOST_ERRORS = 1_000
_MOST_LOOKED_AT = 100_000
"""Errors, and values of one event, after which it is only told that something is wrong: each error costs 60 µs."""
_SURPLUS = frozenset({"unevaluatedProperties", "additionalProperties"})


class Kind(StrEnum):
    """What a finding is about, as far as anybody must tell them apart."""

    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_WORD = "unknown_word"
    STRUCTURE = "structure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One place where a document breaks the schema."""

    path: Path
    kind: Kind
    said: str
    expected: str
    got: object


def find(document: Any, path: Path | None = None, events: Sequence[Any] = ()) -> list[Finding]:
    """Everything wrong with the document, from its beginning on; after a thousand findings one for each event at fault.

    Args:
        document: anything.
        path: where its events are listed; each is judged by itself then, so none escapes for the faults of others.
        events: those.
    """
    if _QUICK.is_valid(document):
        return []
    if path is None or not events:
        return _errors(_DOCUMENT, document, ())
    found, seen = _errors(_DOCUMENT, _emptied(document, path), ()), 0
    for place, event in enumerate(events):
        where = (*path, place)
        is_judged = seen < _MOST_LOOKED_AT or _EVENT.is_valid(event)
        errors = _errors(_EVENT, event, where) if is_judged else [_more(where)]
        seen += len(errors)
        found += errors if len(found) < _MOST_ERRORS else sorted(errors, key=_is_mild)[:1]
    return found


def _errors(validator: Draft202012Validator, instance: Any, where: Path) -> list[Finding]:
    if validator.is_valid(instance):
        return []
    if _is_vast(instance):
        return [_more(where)]
    errors = list(islice(validator.iter_errors(instance), _MOST_ERRORS + 1))
    unique = {(f.path, f.said): f for error in errors for f in _findings(error, where)}
    found = list(islice(unique.values(), _MOST_ERRORS))
    # What was not looked at could be graver than all that was.
    return [*found, _more(where)] if len(errors) > _MOST_ERRORS else found


def _more(where: Path) -> Finding:
    """Says that not everything was looked at."""
    expected = f"fewer faults, or fewer than {_MOST_LOOKED_AT:,} values, that one could tell which"
    return Finding(path=where, kind=Kind.STRUCTURE, said="there are more faults", expected=expected, got="too much")


def _is_mild(finding: Finding) -> bool:
    return finding.kind is not Kind.STRUCTURE


def _is_vast(instance: Any) -> bool:
    ahead, count = [instance], 0
    while ahead and count < _MOST_LOOKED_AT:
        holder = ahead.pop()
        parts = holder.values() if isinstance(holder, Mapping) else holder if isinstance(holder, list) else ()
        count += len(parts)
        ahead.extend(parts)
    return count >= _MOST_LOOKED_AT


def _emptied(document: Any, path: Path) -> Any:
    """A copy of the document in which nothing is listed at that path."""
    if not path:
        return []
    name, *rest = path
    return {**document, name: _emptied(document[name], tuple(rest))}


def _findings(error: ValidationError, within: Path) -> Iterator[Finding]:
    kind: Any = error.kind  # each kind has attributes of its own
    instance: Any = error.instance
    path: Path = (*within, *error.instance_path)
    where = list(error.schema_path)
    expected = _description(where)
    if kind.name in _SURPLUS:
        yield from (_surplus(path, name, expected, instance) for name in _unknown(kind.unexpected, where))
    elif kind.name == "required":
        name = kind.property
        got = sorted(instance)
        yield Finding(path=path, kind=Kind.STRUCTURE, said=f"{name} is missing", expected=expected, got=got)
    else:
        what = Kind.UNKNOWN_WORD if _is_vocabulary(where) else Kind.STRUCTURE
        yield Finding(path=path, kind=what, said=_said(path), expected=expected, got=_got(instance))


def _surplus(path: Path, name: str, expected: str, instance: Any) -> Finding:
    said = f"{name!r} is no field here"
    return Finding(path=(*path, name), kind=Kind.UNKNOWN_FIELD, said=said, expected=expected, got=instance[name])


def _said(path: Path) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), "document")
    return f"a member of {name} does not fit" if path and isinstance(path[-1], int) else f"{name} does not fit"


def _got(instance: object) -> object:
    """What shows best that something is amiss: of an object its names."""
    return sorted(instance) if isinstance(instance, Mapping) else instance


def _is_vocabulary(where: list[str | int]) -> bool:
    return len(where) >= 2 and where[-1] == "anyOf" and "enum" in _at(where)[0]  # noqa: PLR2004 - name and keyword


def _at(where: list[str | int]) -> Any:
    node: Any = SCHEMA
    for part in where:
        node = node[part]
    return node


def _description(where: list[str | int]) -> str:
    """The description nearest to the broken rule."""
    for size in range(len(where), -1, -1):
        node = _at(where[:size])
        if isinstance(node, dict) and isinstance(node.get("description"), str):
            return str(node["description"])
    raise AssertionError("the schema itself has a description")


def _unknown(names: list[str], where: list[str | int]) -> list[str]:
    """The names that the object cannot have at all.

    JSON Schema also calls those "unevaluated" whose values are wrong, which is said elsewhere.
    """
    known = _declared(_at(where[:-1]))
    return [name for name in names if name not in known]


def _declared(schema: Mapping[str, Any]) -> frozenset[str]:
    names = set(schema.get("properties", ()))
    parts = [*schema.get("allOf", ())]
    if "$ref" in schema:
        parts.append(DEFINITIONS[schema["$ref"].rsplit("/", 1)[1]])
    return frozenset(names.union(*map(_declared, parts)))
