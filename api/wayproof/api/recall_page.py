"""The page behind a recall's link: what one recipient is to know, of nobody else, and the form for their answer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from wayproof.model.errors import InvalidInput
from wayproof.store import recalls
from wayproof.store.pool import Pool, tenant_transaction, transaction
from wayproof.store.recalls import Item
from wayproof.store.violations import domain_errors
from wayproof.trace.identifiers import display, parse
from wayproof.trace.recall.dossier import BY_LINK, Answered, acknowledge

_MOST_FIELDS: Final = 50
_MOST_ITEMS: Final = 500
_MOST_NAME: Final = 200
_MOST_NOTE: Final = 4_000
_MOST_AMOUNT: Final = 1e15
_AMOUNTS: Final = ("found", "returned", "destroyed")

Fields = Mapping[str, str]


async def _fields(request: Request) -> Fields:
    sent = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    return {name: value for name, value in sent.items() if isinstance(value, str)}


AnswerForm = Annotated[Fields, Depends(_fields)]


def recall_page(pool: Pool, token: str) -> Mapping[str, Any]:
    """The values of the template; NotFound where the link is not, or no longer, valid."""
    with domain_errors(), transaction(pool) as conn:
        tenant_id, notice_id = recalls.find_token(conn, token)
    with domain_errors(), tenant_transaction(pool, tenant_id) as conn:
        link = recalls.get_link(conn, notice_id)
        items = recalls.list_items(conn, link.recall_id, link.revision, recipient=link.recipient, limit=_MOST_ITEMS)
        said = [entry for entry in recalls.list_entries(conn, notice_id) if entry.kind == "acknowledged"]
    return {
        "token": token,
        "link": link,
        "items": [{"name": _shown(item.uri), "quantity": _much(item), "state": item.state} for item in items],
        "units": _units(items),
        "answers": said,
    }


def keep_answer(pool: Pool, token: str, form: Fields) -> None:
    """Keeps what a recipient sent; InvalidInput where that is no answer."""
    with domain_errors(), transaction(pool) as conn:
        tenant_id, notice_id = recalls.find_token(conn, token)
    with domain_errors(), tenant_transaction(pool, tenant_id) as conn:
        link = recalls.get_link(conn, notice_id)
        items = recalls.list_items(conn, link.recall_id, link.revision, recipient=link.recipient, limit=_MOST_ITEMS)
        acknowledge(
            conn,
            tenant_id,
            link.recall_id,
            notice_id,
            by=_text(form, "by", least=1, most=_MOST_NAME),
            how=BY_LINK,
            at=datetime.now(UTC),
            note=_text(form, "note", least=0, most=_MOST_NOTE),
            quantities=[_answered(form, place, unit) for place, unit in enumerate(_units(items))],
        )


def _units(items: Sequence[Item]) -> list[str | None]:
    return sorted({item.unit for item in items if not item.is_container}, key=lambda unit: unit or "") or [None]


def _answered(form: Fields, place: int, unit: str | None) -> Answered:
    return Answered(unit=unit, **{name: _amount(form.get(f"{name}-{place}", ""), name) for name in _AMOUNTS})


def _amount(text: str, name: str) -> float:
    try:
        value = float(text.strip().replace(",", ".") or 0)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _MOST_AMOUNT:
        raise InvalidInput(f"{name}: expected a number of no less than 0, got {text[:40]!r}")
    return value


def _text(form: Fields, name: str, *, least: int, most: int) -> str:
    text = form.get(name, "").strip()
    if not least <= len(text) <= most or "\0" in text:
        raise InvalidInput(f"{name}: expected {least} to {most} characters, got {len(text)}")
    return text


def _much(item: Item) -> str:
    return "" if item.quantity is None else f"{item.quantity:g} {item.unit or 'pieces'}"


def _shown(uri: str) -> str:
    try:
        return display(parse(uri))
    except InvalidInput:
        return uri
