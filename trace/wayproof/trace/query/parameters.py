"""Parameters of the query language to a query: out of a URL or out of JSON (EPCIS 2.0 §8.2.7.1, §12.7).

In a URL a list is written with bars between its values, or as the same parameter again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import Context
from wayproof.trace.query.families import find_family
from wayproof.trace.query.query import Order, OrderBy, Query, QueryTooComplex
from wayproof.trace.query.reading import Parameter, read_field, read_integer, read_words

MOST_VALUES: Final = 2_000
"""Values of all parameters of one query together."""

_MOST_EVENTS: Final = 2**31 - 1
_ORDERS: Final = {"eventTime": OrderBy.EVENT_TIME, "recordTime": OrderBy.RECORD_TIME}


def query_of_url(pairs: Iterable[tuple[str, str]], context: Context | None = None) -> Query:
    """The query of a URL's parameters.

    Args:
        pairs: names and values, decoded.
        context: what prefixes in them mean (`GS1-Extensions`).

    Raises:
        InvalidInput: a parameter that is unknown, malformed or contradicts another; `pointer` names it.
        QueryTooComplex: more values than a query may have.
    """
    values: dict[str, list[Any]] = {}
    for name, text in pairs:
        values.setdefault(name, []).extend(text.split("|"))
    return _query(values, context or Context())


def query_of_json(body: Any, context: Context | None = None) -> Query:
    """The query of a JSON object, which may have a `@context`; raises as `query_of_url` does."""
    if not isinstance(body, Mapping):
        raise InvalidInput(f"query: expected an object of parameters, got {type(body).__name__}", pointer="")
    inner = (Context() if context is None else context).within(body.get("@context"))
    values = {
        name: list(value) if isinstance(value, list) else [value] for name, value in body.items() if name != "@context"
    }
    return _query(values, inner)


@dataclass(kw_only=True)
class _Control:
    """Parameters that say how many events come, and in what order."""

    order_by: str | None = None
    direction: str | None = None
    limit: int | None = None
    most: int | None = None
    context: Context = field(default_factory=Context)

    def take(self, parameter: Parameter) -> bool:
        """Whether it is one of these."""
        match parameter.name:
            case "orderBy":
                self.order_by = str(parameter.single())
            case "orderDirection":
                (self.direction,) = read_words(parameter.alone(), ("ASC", "DESC"))
            case "eventCountLimit":
                self.limit = read_integer(parameter, 1, _MOST_EVENTS)
            case "maxEventCount":
                self.most = read_integer(parameter, 0, _MOST_EVENTS)
            case _:
                return False
        return True

    def applied(self, query: Query) -> Query:
        """The query with these; §8.2.7.1 says which go together."""
        if self.limit is not None and self.most is not None:
            raise InvalidInput("eventCountLimit and maxEventCount: expected one of the two, got both", pointer="")
        if self.order_by is None and self.limit is not None:
            raise InvalidInput("eventCountLimit: expected orderBy beside it, got none", pointer="/eventCountLimit")
        return replace(query, order=self._order(), limit=self.limit, most=self.most)

    def _order(self) -> Order:
        if self.order_by is None:
            return Order(is_descending=self.direction == "DESC")
        is_descending = self.direction != "ASC"
        by = _ORDERS.get(self.order_by)
        if by is not None:
            return Order(by=by, is_descending=is_descending)
        where = Parameter(name="orderBy", values=(self.order_by,), context=self.context)
        return Order(by=OrderBy.FIELD, is_descending=is_descending, field=read_field(where, self.order_by))


def _query(values: Mapping[str, list[Any]], context: Context) -> Query:
    if sum(map(len, values.values())) > MOST_VALUES:
        raise QueryTooComplex(f"query: expected at most {MOST_VALUES:,} values, got more")
    query, control = Query(), _Control(context=context)
    for name, given in values.items():
        parameter = Parameter(name=name, values=tuple(given), context=context)
        if not control.take(parameter):
            query = _with(query, parameter)
    return control.applied(query)


def _with(query: Query, parameter: Parameter) -> Query:
    family = find_family(parameter.name)
    if family is None:
        raise InvalidInput(
            f"{_shown(parameter.name)}: expected a parameter of the EPCIS 2.0 query language, got an unknown one",
            pointer=f"/{_shown(parameter.name)}",
        )
    read, match = family
    return read(query, parameter, match)


_UNSAYABLE: Final = re.compile(r"[^\x20-\x7e]")


def _shown(name: str) -> str:
    return _UNSAYABLE.sub("?", name)[:80]
