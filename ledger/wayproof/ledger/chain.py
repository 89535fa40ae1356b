"""The chain: several RPC endpoints as one. Reads take the careful view, broadcasts go to all."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from wayproof.ledger.anchors import Head, Sight, agreed
from wayproof.ledger.endpoint import Endpoint, Estimate
from wayproof.model.anchor import Anchor
from wayproof.model.errors import Unavailable

T = TypeVar("T")


class Chain:
    """Every method raises Unavailable where no endpoint answers."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)

    def heads(self) -> dict[Endpoint, Head]:
        """The heads of those that answer, at least one. Conflict where any speaks for another chain or contract."""
        return dict(self._ask(lambda endpoint: endpoint.head()))

    def sight(self, anchor: Anchor, heads: Mapping[Endpoint, Head]) -> Sight:
        """What all of them show of one anchor."""
        return agreed([endpoint.sight(anchor, head) for endpoint, head in heads.items()])

    def broadcast(self, raw: bytes) -> str:
        """Gives a transaction to every endpoint. Empty where one has it now, else why the first did not take it."""
        refusals = [refusal for _, refusal in self._ask(lambda endpoint: endpoint.broadcast(raw))]
        return "" if "" in refusals else refusals[0]

    def estimate(self, call: Mapping[str, Any]) -> Estimate:
        """The gas that a call takes; the most that any asks for, and a refusal where any tells one."""
        estimates = [estimate for _, estimate in self._ask(lambda endpoint: endpoint.estimate(call))]
        return max(estimates, key=lambda estimate: (bool(estimate.refusal), estimate.gas))

    def priority_fee_wei(self) -> int:
        """What others pay a block's maker for a unit of gas, where it is told highest."""
        return max(fee for _, fee in self._ask(lambda endpoint: endpoint.priority_fee_wei()))

    def mine(self) -> None:
        """Makes a development chain mine a block."""
        self.endpoints[0].mine()

    def _ask(self, question: Callable[[Endpoint], T]) -> list[tuple[Endpoint, T]]:
        """The answers. Who has just failed is not asked: a node that hangs takes the whole time-out, each time."""
        answers: list[tuple[Endpoint, T]] = []
        for endpoint in self.endpoints:
            if not endpoint.is_resting:
                with suppress(Unavailable):
                    answers.append((endpoint, question(endpoint)))
        if not answers:
            raise Unavailable("; ".join(endpoint.fault for endpoint in self.endpoints) or _NONE)
        return answers


_NONE: Final = "expected the RPC URL of a chain, got none: set WAYPROOF_LEDGER_RPC_URLS"
