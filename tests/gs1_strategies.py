"""Hypothesis strategies of EPC URNs, from the standard's own grammar and not from the table under test."""

import string
from dataclasses import dataclass
from urllib.parse import quote

from hypothesis import strategies as st

SET_82 = string.ascii_letters + string.digits + "!\"%&'()*+,-./:;<=>?_"
_CPI = string.ascii_uppercase + string.digits + "#-/"

_digits = st.text(string.digits, min_size=6, max_size=12)


@dataclass(frozen=True, kw_only=True)
class Urn:
    """A valid URN, and what it is made of."""

    kind: str
    scheme: str
    fields: tuple[str, ...]

    @property
    def text(self) -> str:
        """The URN, escaped as little as the Tag Data Standard allows."""
        return f"urn:epc:{self.kind}:{self.scheme}:" + ".".join(
            quote(field, safe="!'()*+,-.:;=_") for field in self.fields
        )

    @property
    def prefix_digits(self) -> int:
        """Length of the company prefix."""
        return len(self.fields[0])

    def pattern(self, known: int) -> str:
        """The pattern that keeps so many fields and opens the rest; of a lot, as of the things of its class."""
        scheme = "sgtin" if self.scheme == "lgtin" else self.scheme
        kept = [quote(field, safe="!'()*+,-.:;=_") for field in self.fields[:known]]
        return f"urn:epc:idpat:{scheme}:" + ".".join(kept + ["*"] * (len(self.fields) - known))


def _text(most: int, alphabet: str = SET_82) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=most)


_count = st.integers(0, 10**12 - 1).map(str)
_LAST: dict[str, tuple[str, int, st.SearchStrategy[str] | None]] = {
    "sgtin": ("id", 13, _text(20)),
    "lgtin": ("class", 13, _text(20)),
    "upui": ("id", 13, _text(28)),
    "sscc": ("id", 17, None),
    "sgln": ("id", 12, st.just("0") | _text(20)),
    "pgln": ("id", 12, None),
    "grai": ("id", 12, _text(16)),
    "gdti": ("id", 12, _text(17)),
    "sgcn": ("id", 12, _text(12, string.digits)),
    "gsrn": ("id", 17, None),
    "gsrnp": ("id", 17, None),
    "gsin": ("id", 16, None),
}
_FREE: dict[str, tuple[str, st.SearchStrategy[str] | None]] = {
    "giai": (SET_82, None),
    "ginc": (SET_82, None),
    "cpi": (_CPI, _count),
}


@st.composite
def _numbered(draw: st.DrawFn) -> Urn:
    scheme = draw(st.sampled_from(sorted(_LAST)))
    kind, size, last = _LAST[scheme]
    prefix = draw(_digits)
    rest = size - len(prefix)
    reference = draw(st.text(string.digits, min_size=rest, max_size=rest))
    return Urn(kind=kind, scheme=scheme, fields=(prefix, reference, *([] if last is None else [draw(last)])))


@st.composite
def _free(draw: st.DrawFn) -> Urn:
    scheme = draw(st.sampled_from(sorted(_FREE)))
    alphabet, last = _FREE[scheme]
    prefix = draw(_digits)
    reference = draw(_text(30 - len(prefix), alphabet))
    return Urn(kind="id", scheme=scheme, fields=(prefix, reference, *([] if last is None else [draw(last)])))


@st.composite
def _pieces(draw: st.DrawFn) -> Urn:
    item = draw(_numbered().filter(lambda urn: urn.scheme == "sgtin"))
    total = draw(st.integers(1, 99))
    piece = draw(st.integers(1, total))
    fields = (*item.fields[:2], f"{piece:02}", f"{total:02}", item.fields[2])
    return Urn(kind="id", scheme="itip", fields=fields)


key_urns = _numbered() | _free() | _pieces()
"""URNs of every scheme that has a GS1 key."""
