"""Words of events as people read them in exports."""

from typing import Final

from wayproof.trace.exports.history import Event
from wayproof.trace.identifiers.identifier import RESOLVER

_DOCUMENTS: Final = {
    "bol": "Bill of lading",
    "cert": "Certificate",
    "desadv": "Despatch advice",
    "inv": "Invoice",
    "pedigree": "Pedigree",
    "po": "Purchase order",
    "poc": "Purchase order confirmation",
    "prodorder": "Production order",
    "recadv": "Receiving advice",
    "rma": "Return authorisation",
    "testprd": "Test procedure",
    "testres": "Test result",
    "upevt": "Upstream event",
}
_OF_PARTY: Final = "urn:epcglobal:cbv:bt:"


def reference_documents(*events: Event | None) -> str | None:
    """Type and number of every document of these events, each once: `Purchase order 850-1; Invoice 77`."""
    found = [document for event in events if event for document in event.documents()]
    return (
        "; ".join(dict.fromkeys(f"{_DOCUMENTS.get(kind, kind)} {_number(uri)}".strip() for kind, uri in found)) or None
    )


def gtin_of(uri: str) -> str | None:
    """The 14 digits of a trade item, its lot or its serial number; None for anything else."""
    beginning = f"{RESOLVER}/01/"
    return uri[len(beginning) :].partition("/")[0] if uri.startswith(beginning) else None


def _number(uri: str) -> str:
    """The number within its party's own (CBV 2.0 §8.5.2); another URI as it is."""
    return uri.removeprefix(_OF_PARTY).partition(":")[2] if uri.startswith(_OF_PARTY) else uri
