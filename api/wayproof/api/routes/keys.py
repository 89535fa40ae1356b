"""API keys: a key with `keys:write` makes and revokes others."""

from dataclasses import asdict
from typing import Annotated, Final

from fastapi import Path, Query, Response

from wayproof.api.auth import KeysReader, KeysWriter
from wayproof.api.conditional import Conditions, changed
from wayproof.api.paging import At, PageQuery, Pager, Text
from wayproof.api.problems import NOT_FOUND, documented
from wayproof.api.routes.resource import GET, LIST, POST, resource_router
from wayproof.api.schemas.base import KeyId
from wayproof.api.schemas.keys import KeyList, KeyTokenView, KeyView, NewKey
from wayproof.model.access import ApiKey
from wayproof.model.errors import Forbidden
from wayproof.store import keys

router: Final = resource_router("keys", "Keys")

_Id = Annotated[KeyId, Path(description="The public part of the key", examples=["Zm9vYmFyQmF6"])]


@router.post("", status_code=201, response_model=KeyTokenView, responses=POST)
def create_key(new: NewKey, caller: KeysWriter) -> Response:
    """Makes a key and answers its token, this once."""
    _check_grant(caller.key, new)
    with caller.transaction() as conn:
        key, token = keys.create_key(conn, tenant_id=caller.key.tenant_id, **new.model_dump())
    view = KeyTokenView.model_validate({**asdict(key), "token": token})
    return changed(view, status=201, location=f"/v1/keys/{key.key_id}")


@router.get("", response_model=KeyList, responses=LIST)
def list_keys(query: Annotated[PageQuery, Query()], caller: KeysReader, conditions: Conditions) -> Response:
    """Lists the tenant's keys, newest first."""
    pager = Pager(query, of="keys", tenant_id=caller.key.tenant_id)
    position = pager.position(tuple[At, Text])
    with caller.transaction() as conn:
        found = keys.list_keys(conn, position=position, limit=pager.fetch)
    page, next_cursor = pager.page(found, lambda key: (key.created_at, key.key_id))
    return conditions.answer(KeyList(items=[KeyView.model_validate(key) for key in page], next_cursor=next_cursor))


@router.get("/{key_id}", response_model=KeyView, responses=GET)
def get_key(key_id: _Id, caller: KeysReader, conditions: Conditions) -> Response:
    """One key, without its secret."""
    with caller.transaction() as conn:
        return conditions.answer(KeyView.model_validate(keys.get_key(conn, key_id)))


@router.delete("/{key_id}", response_model=KeyView, responses=documented(NOT_FOUND))
def revoke_key(key_id: _Id, caller: KeysWriter) -> Response:
    """Ends a key at once and for ever; it stays in the list."""
    with caller.transaction() as conn:
        return changed(KeyView.model_validate(keys.revoke_key(conn, key_id)))


def _check_grant(granting: ApiKey, new: NewKey) -> None:
    beyond = set(new.scopes) - granting.scopes
    if beyond:
        raise Forbidden(f"expected scopes of the granting key, got beyond them {', '.join(sorted(beyond))}")
    if granting.expires_at is not None and (new.expires_at is None or new.expires_at > granting.expires_at):
        raise Forbidden(f"expected an expiry not after that of the granting key, {granting.expires_at.isoformat()}")
