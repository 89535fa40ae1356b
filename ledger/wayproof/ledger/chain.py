"""The chain: several RPC endpoints as one. Reads take the careful view, broadcasts go to all."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

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
        answers: list[tuple[Endpoint, T]] = []
        fault: Unavailable | None = None
        # Who has just failed is left alone: a node that hangs takes the whole time-out, again and again.
        for endpoint in [each for each in self.endpoints if not each.is_resting] or self.endpoints:
            try:
                answers.append((endpoint, question(endpoint)))
            except Unavailable as error:
                fault = error
        if not answers and fault is not None:
            raise fault
        return answers
