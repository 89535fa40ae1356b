"""GS1 identifiers of EPCIS: every spelling in, one canonical form, every spelling out."""

from wayproof.trace.identifiers.digital_link import to_digital_link
from wayproof.trace.identifiers.display import display
from wayproof.trace.identifiers.element_strings import element_string
from wayproof.trace.identifiers.identifier import Identifier, is_class, is_instance
from wayproof.trace.identifiers.patterns import pattern_terms
from wayproof.trace.identifiers.reading import canonical_uri, parse
from wayproof.trace.identifiers.schemes import Level
from wayproof.trace.identifiers.urn import to_urn

__all__ = [
    "Identifier",
    "Level",
    "canonical_uri",
    "display",
    "element_string",
    "is_class",
    "is_instance",
    "parse",
    "pattern_terms",
    "to_digital_link",
    "to_urn",
]
