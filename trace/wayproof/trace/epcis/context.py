"""What names in a document mean: prefixes of its `@context`, and the words that EPCIS defines (JSON-LD 1.1 §4.1).

Contexts by URL are never fetched. GS1's own is known here by what matters for names: its prefixes and vocabularies;
one of somebody else that is only named by URL defines nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.fields import Leaf
from wayproof.trace.epcis.vocabulary import web_uri

WEB_VOCABULARY: Final = "https://gs1.org/voc/"

STANDARD_PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "epcis": "https://ref.gs1.org/epcis/",
        "cbv": "https://ref.gs1.org/cbv/",
        "cbvmda": "urn:epcglobal:cbv:mda:",
        "gs1": WEB_VOCABULARY,
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "owl": "http://www.w3.org/2002/07/owl#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "dcterms": "http://purl.org/dc/terms/",
    }
)
"""Prefixes of GS1's context 2.0.0. Its later versions write `gs1` as https://ref.gs1.org/voc/: the same words."""

_MOST_PARTS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Prefixes in force at one place of a document."""

    prefixes: Mapping[str, str] = field(default_factory=lambda: STANDARD_PREFIXES)

    def expand(self, name: str) -> str:
        """The full URI of a prefixed name; any other text as it is."""
        prefix, colon, rest = name.partition(":")
        namespace = self.prefixes.get(prefix) if colon and not rest.startswith("//") else None
        return name if namespace is None else namespace + rest

    def expand_field(self, name: str) -> str:
        """How a field is known everywhere: EPCIS's own by its name, an extension by its full URI.

        A name without prefix that the context defines as a term counts as an extension.
        """
        if ":" in name:
            return self.expand(name)
        return self.prefixes.get(name, name)

    def expand_word(self, leaf: Leaf, text: str) -> str:
        """The canonical web URI of a vocabulary's word, however it is written; of other vocabularies the full URI."""
        if leaf.vocabulary is None:
            raise TypeError("expected a field with a vocabulary")
        return web_uri(leaf.vocabulary, self.expand(text))

    def within(self, context: Any) -> "Context":
        """The context inside of an object that has a `@context` of its own; None: it has none."""
        if context is None:  # as nearly all have
            return self
        added = dict(_definitions(context))
        return Context(prefixes=MappingProxyType({**self.prefixes, **added})) if added else self


def context_of(document: Mapping[str, Any]) -> Context:
    """The context of a document, or of an event that stands alone."""
    return Context().within(document.get("@context"))


def context_of_header(header: str) -> Context:
    """The context that `GS1-Extensions` gives: `prefix=URI` pairs with commas between (EPCIS 2.0 §12.1).

    Raises:
        InvalidInput: a part without an equals sign, or with nothing on one side.
    """
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in header.split(","))):
        prefix, equals, uri = part.partition("=")
        if not (prefix and equals and uri):
            raise InvalidInput(f"GS1-Extensions: expected prefix=URI, got {part!r}")
        pairs[prefix.strip()] = uri.strip()
    return Context().within(pairs)


def _definitions(context: Any) -> Iterator[tuple[str, str]]:
    if isinstance(context, list):
        for part in context[:_MOST_PARTS]:
            yield from _definitions(part)
    elif isinstance(context, Mapping):
        for name, meaning in context.items():
            uri = meaning.get("@id") if isinstance(meaning, Mapping) else meaning
            if isinstance(uri, str) and not name.startswith("@") and name not in STANDARD_PREFIXES:
                yield name, uri
