"""Words of the Core Business Vocabulary and the GS1 Web Vocabulary: bare word, URN and web URI of each.

Sources: CBV 2.0 §7 (URIs and URNs), EPCIS 2.0 §10.2 (bare words in JSON). The words stand in schema.json alone.
"""

from dataclasses import dataclass
from typing import Final

from wayproof.trace.epcis.schema import DEFINITIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """One list of words, and the beginnings under which each is known."""

    words: frozenset[str]
    #: What stands before a word in its web URI; the first is the canonical one.
    web_prefixes: tuple[str, ...]
    #: What stands before a word in its URN; None for words that have none.
    urn_prefix: str | None


_CBV = "https://ref.gs1.org/cbv/"
_WEB = ("https://gs1.org/voc/", "https://ref.gs1.org/voc/", "https://www.gs1.org/voc/", "http://gs1.org/voc/")


def _vocabulary(name: str, web_prefixes: tuple[str, ...], urn_part: str | None) -> Vocabulary:
    words = frozenset(DEFINITIONS[name]["anyOf"][0]["enum"])
    return Vocabulary(words=words, web_prefixes=web_prefixes, urn_prefix=urn_part and f"urn:epcglobal:cbv:{urn_part}:")


VOCABULARIES: Final = {
    "bizStep": _vocabulary("bizStep", (f"{_CBV}BizStep-",), "bizstep"),
    "disposition": _vocabulary("disposition", (f"{_CBV}Disp-",), "disp"),
    "bizTransactionType": _vocabulary("bizTransactionType", (f"{_CBV}BTT-",), "btt"),
    "sourceDestinationType": _vocabulary("sourceDestinationType", (f"{_CBV}SDT-",), "sdt"),
    "errorReason": _vocabulary("errorReason", (f"{_CBV}ER-",), "er"),
    "component": _vocabulary("component", (f"{_CBV}Comp-",), None),
    "measurementType": _vocabulary("measurementType", _WEB, None),
    "alertType": _vocabulary("alertType", _WEB, None),
}


_SPELLINGS: Final = {
    name: {
        f"{prefix}{word}": word
        for prefix in ("", *vocabulary.web_prefixes, *filter(None, [vocabulary.urn_prefix]))
        for word in vocabulary.words
    }
    for name, vocabulary in VOCABULARIES.items()
}


def bare_word(name: str, text: str) -> str | None:
    """The word of the vocabulary `name` that a bare word, URN or web URI stands for; None for what is not in it."""
    return _SPELLINGS[name].get(text)


def web_uri(name: str, text: str) -> str:
    """The canonical web URI of a bare word, URN or web URI; any other text as it is."""
    word = bare_word(name, text)
    return text if word is None else VOCABULARIES[name].web_prefixes[0] + word
