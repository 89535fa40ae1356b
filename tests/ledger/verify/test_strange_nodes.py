"""Nodes that answer anything at all, or never to the end."""

import copy
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from handoff_strategies import json_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wayproof.ledger.verify import Verdict, verify
from wayproof.ledger.verify.rpc import Rpc
from wayproof.model.errors import Unavailable

from fix_anchorer import dripping_node
from fix_verify import TRUSTED, Proven

WORDS = st.sampled_from(
    ["0x", "0x0", "0x1", "0xffffffffffffffff", "0x" + "00" * 32, "0x" + "11" * 32, "latest", "\ud800"]
)


class Recorded:
    """What a true node answers, by the call; once it is known, `told` stands in for the node."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def answer(self, call: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer that is known."""
        key = _key(call)
        return {"result": self.told[key]} if key in self.told else None


def _key(call: Mapping[str, Any]) -> str:
    return json.dumps([call["method"], call["params"]])


@pytest.fixture
def recorded(proven: Proven) -> tuple[Recorded, str]:
    """A node's answers to all that a verification asks, and the URL at which they are told."""
    known, wire, chain = Recorded(), proven.world.wire(), proven.world.chain

    def record(call: Mapping[str, Any]) -> Mapping[str, Any]:
        known.told[_key(call)] = chain.rpc(call["method"], *call["params"])
        return {"result": known.told[_key(call)]}

    wire.answer = record
    assert verify(proven.data, rpcs=[wire.url, chain.url], trusted=TRUSTED).verdict is Verdict.PASSED
    wire.answer = known.answer
    return known, wire.url


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*path, key))


def _replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    changed = copy.copy(value)
    changed[path[0]] = _replaced(value[path[0]], path[1:], by)
    return changed


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_any_answer_ends_in_a_report(proven: Proven, recorded: tuple[Recorded, str], drawn: st.DataObject) -> None:
    """Whatever JSON stands anywhere in a node's answers, a verification ends in a report, and in no other error."""
    known, url = recorded
    told = dict(known.told)
    key = drawn.draw(st.sampled_from(sorted(told)))
    path = drawn.draw(st.sampled_from(sorted(_places(told[key]), key=repr)))
    known.told[key] = _replaced(told[key], path, drawn.draw(WORDS | json_values))
    try:
        verify(proven.data, rpcs=[url, proven.world.chain.url], trusted=TRUSTED)
    finally:
        known.told = told


def test_answer_without_end() -> None:
    """A node that sends a byte now and then is given up after the time for a whole answer, and asked no second time."""
    with dripping_node() as (url, asked):
        rpc = Rpc(url, timeout_s=0.5)
        begun_s = time.monotonic()
        for said in ("no whole answer within 0.5 s", "has kept us waiting"):
            with pytest.raises(Unavailable, match=said):
                rpc.chain_id()
        assert time.monotonic() - begun_s < 5
        assert len(asked) == 1
