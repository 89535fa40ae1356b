"""Signed notes and checkpoints, against C2SP's own examples and against whoever alters one."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.ledger.notes import (
    Checkpoint,
    NoteSigner,
    open_note,
    parse_skey,
    parse_vkey,
    sign_checkpoint,
    sign_note,
    signed_text,
)
from wayproof.model.errors import InvalidProof

from fix_log import SIGNER, vectors

OTHER = NoteSigner(name=SIGNER.name, seed=bytes(32))
CHECKPOINT = Checkpoint(origin=SIGNER.name, size=7, root=bytes(range(32)))
NOTE = sign_checkpoint(CHECKPOINT, SIGNER)


def test_vectors() -> None:
    """The notes of C2SP and of Go open with their keys; what Go signed we sign byte for byte the same."""
    cases = vectors("constants/signed-note.json")["vectors"]
    assert len(cases) == 2
    for case in cases:
        key = parse_vkey(case["vkey"])
        assert key.vkey == case["vkey"]
        text = signed_text(case["note"], key)
        assert case["note"].startswith(text + "\n")
        if "skey" in case:
            signer = parse_skey(case["skey"])
            assert (signer.skey, signer.key) == (case["skey"], key)
            assert sign_note(text, signer) == case["note"]


def test_other_signatures_count_for_nothing() -> None:
    """A note opens with the key that signed it, whoever signed it besides, and with no other."""
    both = sign_checkpoint(CHECKPOINT, OTHER, SIGNER)
    assert open_note(both, SIGNER.key) == open_note(both, OTHER.key) == CHECKPOINT
    with pytest.raises(InvalidProof, match="expected a signature of"):
        open_note(NOTE, OTHER.key)


def test_origin_is_the_key_s_name() -> None:
    """A checkpoint of another log is refused although the key has signed it."""
    foreign = sign_note(f"other.example/log\n7\n{b64encode(bytes(32)).decode()}\n", SIGNER)
    with pytest.raises(InvalidProof, match="expected origin"):
        open_note(foreign, SIGNER.key)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{SIGNER.name}\n7\n", "three lines"),
        (f"{SIGNER.name}\n07\n{'A' * 43}=\n", "without leading zeros"),
        (f"{SIGNER.name}\n-1\n{'A' * 43}=\n", "expected a size"),
        (f"{SIGNER.name}\n9007199254740992\n{'A' * 43}=\n", "2\\^53-1"),
        (f"{SIGNER.name}\n7\n{'A' * 41}=\n", "base64"),
        (f"{SIGNER.name}\n7\n{'A' * 42}B=\n", "only form"),
        (f"{SIGNER.name}\n7\nAAAA\n", "root of 32 bytes"),
        (f"{SIGNER.name}\n7\n{'A' * 43}=\nextension\n", "three lines"),
    ],
)
def test_malformed_checkpoints(text: str, why: str) -> None:
    """What is no checkpoint is refused with a reason, although it is signed."""
    with pytest.raises(InvalidProof, match=why):
        open_note(sign_note(text, SIGNER), SIGNER.key)


@pytest.mark.parametrize("size", [-1, 2**53])
def test_nothing_impossible_is_signed(size: int) -> None:
    """A size that no log has gets no signature."""
    with pytest.raises(InvalidProof):
        sign_checkpoint(Checkpoint(origin=SIGNER.name, size=size, root=bytes(32)), SIGNER)


@given(place=st.integers(0, len(NOTE) - 1), character=st.characters(codec="utf-8"))
def test_any_changed_character_is_noticed(place: int, character: str) -> None:
    """A note with one character changed does not open, or is the same note."""
    changed = NOTE[:place] + character + NOTE[place + 1 :]
    if changed != NOTE:
        with pytest.raises(InvalidProof):
            open_note(changed, SIGNER.key)


@given(st.text() | st.text(alphabet=NOTE) | st.binary().map(lambda data: data.decode("latin-1")))
def test_parsers_refuse_and_never_fail(text: str) -> None:
    """Whatever text comes is a note, a key, or refused as neither."""
    for parse in (lambda: open_note(text, SIGNER.key), lambda: parse_vkey(text), lambda: parse_skey(text)):
        with pytest.raises(InvalidProof):
            parse()


def test_secret_is_not_shown() -> None:
    """A signer's secret stands in no message and no representation."""
    assert "seed" not in repr(SIGNER)
    broken = SIGNER.skey.replace("PRIVATE", "PUBLIC")
    with pytest.raises(InvalidProof) as raised:
        parse_skey(broken)
    assert SIGNER.skey.rsplit("+", 1)[1] not in json.dumps(str(raised.value))
