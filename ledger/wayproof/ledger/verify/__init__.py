"""The verifier: what a bundle proves, found out with no server of ours. Needs neither our database nor web3."""

from collections.abc import Sequence

from wayproof.ledger.verify.bundle import Bundle, parse_bundle
from wayproof.ledger.verify.chains import check_together
from wayproof.ledger.verify.offline import Trusted, check_offline
from wayproof.ledger.verify.onchain import check_on_chain
from wayproof.ledger.verify.report import Check, Report, Status, Verdict, unchecked
from wayproof.ledger.verify.rpc import Rpc
from wayproof.ledger.verify.stateproof import check_state

__all__ = ["Bundle", "Check", "Report", "Status", "Trusted", "Verdict", "parse_bundle", "verify", "verify_together"]


def verify(bundle_bytes: bytes, *, rpcs: Sequence[str] = (), trusted: Trusted | None = None) -> Report:
    """Checks a bundle by itself, and with URLs of nodes (`rpcs`) against the chain.

    What `trusted` leaves open is taken from the bundle, and the report says so. InvalidInput, with a JSON pointer,
    where this is no bundle. A node that does not answer makes checks `unchecked` and the verdict `incomplete`.
    """
    return _report(parse_bundle(bundle_bytes), _nodes(rpcs), trusted or Trusted())


def verify_together(
    bundles: Sequence[bytes], *, rpcs: Sequence[str] = (), trusted: Trusted | None = None
) -> tuple[list[Report], Report]:
    """Each bundle as `verify` does, and what all of them prove together: each item's chain and holders, and one log."""
    parsed, nodes = [parse_bundle(data) for data in bundles], _nodes(rpcs)
    reports = [_report(bundle, nodes, trusted or Trusted()) for bundle in parsed]
    return reports, Report(checks=tuple(check_together(parsed, nodes)))


def _nodes(urls: Sequence[str]) -> list[Rpc]:
    return [Rpc(url) for url in dict.fromkeys(urls)]


def _report(bundle: Bundle, nodes: Sequence[Rpc], trusted: Trusted) -> Report:
    checks = list(check_offline(bundle, trusted))
    if not nodes:
        checks.append(_not_asked(bundle))
    else:
        checks += check_on_chain(bundle, trusted, nodes)
        checks.append(_state(bundle, nodes))
    return Report(checks=tuple(checks))


def _not_asked(bundle: Bundle) -> Check:
    return unchecked(
        "chain",
        "whether the root is on the chain, final, and the keys were valid then: give --rpc URL of a node of chain "
        f"{bundle.domain.chain_id}",
    )


def _state(bundle: Bundle, nodes: Sequence[Rpc]) -> Check:
    if bundle.anchor is None:
        return unchecked("state proof", "the bundle names no anchor; fetch it again later", is_asked=True)
    return check_state(bundle.anchor, nodes)
