"""Events in other words: canonical, with Digital Links, with URNs; names of a document's context."""

from typing import Any

import pytest

from wayproof.model.errors import InvalidInput
from wayproof.trace.epcis.context import Context, context_of, context_of_header
from wayproof.trace.epcis.formats import (
    CbvFormat,
    EpcFormat,
    canonical,
    canonical_in,
    cbv_format,
    epc_format,
    translated,
)
from wayproof.trace.epcis.validate import events_of
from wayproof.trace.epcis.vocabulary import VOCABULARIES, bare_word, web_uri

from epcis_vectors import loaded, needs_vectors, valid_files

SSCC_URN = "urn:epc:id:sscc:4012345.0000000333"
SSCC_LINK = "https://id.gs1.org/00/040123450000003338"


def event(**fields: Any) -> dict[str, Any]:
    """Fields of an event that say something to translate."""
    return {"type": "ObjectEvent", "epcList": [SSCC_URN], "bizStep": "shipping", "ex:a": SSCC_URN, **fields}


def test_never_translating_gives_the_event_itself() -> None:
    """Without a wish, or with the wish for none, the event comes as it was captured."""
    for wish in (EpcFormat.NO_PREFERENCE, EpcFormat.NEVER_TRANSLATES):
        assert translated(event(), wish) == event()


def test_identifiers_become_digital_links() -> None:
    """Fields of the standard that hold GS1 identifiers are translated; extensions and others' URIs are not."""
    made = translated(event(parentID="urn:uuid:1"), EpcFormat.DIGITAL_LINK)

    assert made == {**event(parentID="urn:uuid:1"), "epcList": [SSCC_LINK]}


def test_a_digital_link_stays_where_its_company_prefix_is_unknown() -> None:
    """Asked for URNs, an identifier that came as Digital Link stays one, and a URN stays a URN."""
    made = translated(event(epcList=[SSCC_URN, SSCC_LINK]), EpcFormat.URN)

    assert made["epcList"] == [SSCC_URN, SSCC_LINK]


@pytest.mark.parametrize("step", ["shipping", "cbv:BizStep-shipping", "https://ref.gs1.org/cbv/BizStep-shipping"])
@pytest.mark.parametrize("epc", [SSCC_URN, SSCC_LINK, "https://brand.example/00/040123450000003338"])
def test_every_spelling_is_indexed_alike(step: str, epc: str) -> None:
    """Bare words, prefixed ones and URIs, URNs and Digital Links of any domain have one canonical form."""
    made = canonical(event(bizStep=step, epcList=[epc]), Context())

    assert (made["bizStep"], made["epcList"]) == ("https://ref.gs1.org/cbv/BizStep-shipping", [SSCC_LINK])


def test_what_a_lenient_import_let_in_is_indexed_as_it_is() -> None:
    """An identifier with a wrong check digit is its own canonical form."""
    wrong = "https://id.gs1.org/00/040123450000003330"

    assert canonical(event(epcList=[wrong]), Context())["epcList"] == [wrong]


@needs_vectors
def test_canonical_events_stay_canonical() -> None:
    """Over all documents of others, making an event canonical twice is the same as once, and changes no original."""
    for path in valid_files().values():
        context = context_of(loaded(path))
        for one in events_of(loaded(path))[1]:
            once = canonical(one, context)
            assert canonical(once, context) == once
            assert once.keys() == one.keys()


@pytest.mark.parametrize("name", sorted(VOCABULARIES))
def test_words_uris_and_urns_lead_to_one_another(name: str) -> None:
    """Each word of each vocabulary comes back from its web URI and from its URN."""
    vocabulary = VOCABULARIES[name]
    for word in vocabulary.words:
        for text in (web_uri(name, word), f"{vocabulary.urn_prefix}{word}" if vocabulary.urn_prefix else word):
            assert bare_word(name, text) == word


def test_headers_name_formats() -> None:
    """A header names its format as the standard writes it; none is no preference; another word is refused."""
    assert epc_format(None) is EpcFormat.NO_PREFERENCE
    assert epc_format("Always_EPC_URN") is EpcFormat.URN
    assert cbv_format("Always_Web_URI") is CbvFormat.WEB_URI
    with pytest.raises(InvalidInput, match="GS1-EPC-Format: expected No_Preference"):
        epc_format("always_epc_urn")


def test_fields_are_known_by_their_full_names() -> None:
    """EPCIS's own fields keep their names; extensions are known by namespace and name, whichever prefix was used."""
    context = context_of(
        {"@context": ["https://x.example/c.jsonld", {"ex": "https://ns.example/"}, {"t": {"@id": "urn:t"}}]}
    )

    assert context.expand_field("bizStep") == "bizStep"
    assert context.expand_field("ex:a") == "https://ns.example/a"
    assert context.expand_field("cbvmda:lotNumber") == "urn:epcglobal:cbv:mda:lotNumber"
    assert context.expand_field("t") == "urn:t"
    assert context.expand_field("https://ns.example/a") == "https://ns.example/a"
    assert context_of_header("ex=https://ns.example/, b=urn:b:").expand_field("b:c") == "urn:b:c"


def test_prefixes_of_the_standard_cannot_be_redefined() -> None:
    """GS1's context protects its prefixes: a document that defines one anew changes nothing."""
    assert context_of({"@context": {"cbv": "https://evil.example/"}}).expand("cbv:x") == "https://ref.gs1.org/cbv/x"


def test_a_context_of_an_event_counts_within_it() -> None:
    """An event's own @context adds to the document's and overrides its prefixes."""
    outer = context_of({"@context": {"a": "urn:a:", "b": "urn:b:"}})
    inner = outer.within({"b": "urn:other:"})

    assert (inner.expand("a:x"), inner.expand("b:x"), outer.expand("b:x")) == ("urn:a:x", "urn:other:x", "urn:b:x")


def test_what_is_remembered_of_a_document_counts_where_it_was_read() -> None:
    """One text is written as it is in its own field and its own context, whatever it became in the events before."""
    inner = {"ex": "urn:b:"}
    told = [
        event(epcList=["ex:1", "recalled"], bizStep="recalled"),
        event(epcList=[], disposition="recalled"),
        event(epcList=["ex:1"], **{"@context": inner}),
        event(epcList=["ex:1"], **{"@context": "https://x.example/c.jsonld"}),
    ]
    write = canonical_in(context_of({"@context": {"ex": "urn:a:"}}))
    made = [write(each) for each in told]
    assert [each["epcList"] for each in made] == [["urn:a:1", "recalled"], [], ["urn:b:1"], ["urn:a:1"]]
    assert (made[0]["bizStep"], made[1]["disposition"]) == ("recalled", web_uri("disposition", "recalled"))


@pytest.mark.parametrize("header", ["ex", "=urn:x", "ex=", "a=urn:a,b"])
def test_broken_extension_headers_are_refused(header: str) -> None:
    """A part of GS1-Extensions without prefix, equals sign or URI is refused."""
    with pytest.raises(InvalidInput, match="prefix=URI"):
        context_of_header(header)
