"""How a party's commands reach the API: by its address and a key, as anybody does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final
from uuid import UUID

import httpx2
import typer

from wayproof.model.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Unauthenticated,
    Unavailable,
    WayproofError,
)

ApiUrl = Annotated[
    str, typer.Option("--url", envvar="WAYPROOF_URL", show_envvar=True, help="Address of the Wayproof API.")
]
URL_DEFAULT: Final = "http://127.0.0.1:8080"
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key", envvar="WAYPROOF_API_KEY", show_envvar=True, help="Token of an API key; better in the environment."
    ),
]

_TIMEOUT_S: Final = 30
_ERRORS: Final[Mapping[int, type[WayproofError]]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}


class Remote:
    """The API at one address, called with one key."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def get(self, path: str, **query: Any) -> Any:
        """The document there; the API's problem as the domain's error."""
        return self._ask("GET", path, params={name: value for name, value in query.items() if value is not None}).json()

    def get_bytes(self, path: str, **query: Any) -> bytes:
        """The very bytes there."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", path, params=asked or None).content

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer to what is sent; members that are None are left out."""
        said = {name: value for name, value in (body or {}).items() if value is not None}
        return self._ask("POST", path, json=said).json()

    def every(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, page after page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, limit=200, **query)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _ask(self, method: str, path: str, **content: Any) -> httpx2.Response:
        try:
            answer = self._client.request(method, path, **content)
        except httpx2.HTTPError as error:
            raise Unavailable(f"{self._client.base_url} does not answer: {error}") from error
        if answer.is_error:
            raise _ERRORS.get(answer.status_code, InvalidInput)(_said(answer))
        return answer


@contextmanager
def remote(url: str, key: str | None) -> Iterator[Remote]:
    """The API; Unauthenticated without a key."""
    if key is None:
        raise Unauthenticated(
            "expected an API key: give --api-key or WAYPROOF_API_KEY; `wayproof key create` makes one"
        )
    try:
        client = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_S)
    except (httpx2.InvalidURL, ValueError) as error:
        raise InvalidInput(f"--url: expected an address like {URL_DEFAULT}, got {url!r}") from error
    with client:
        yield Remote(client)


def shipment_id_of(api: Remote, text: str) -> str:
    """A shipment by its id or its reference; NotFound where there is none of that reference."""
    try:
        return str(UUID(text))
    except ValueError:
        found = api.get("/v1/shipments", reference=text)["items"]
    if not found:
        raise NotFound(f"no shipment with the reference {text!r}")
    return str(found[0]["id"])


def party_id_of(api: Remote, text: str) -> str:
    """A party by its id, the address of a key of its, or, among one's own, its name."""
    try:
        return str(UUID(text))
    except ValueError:
        pass
    if text.startswith("0x"):
        found = api.get("/v1/parties", address=text)["items"]
    else:
        found = [party for party in api.every("/v1/parties") if party["name"] == text]
    if not found:
        raise NotFound(f"no party {text!r}: give its id, the address of a key of its, or the name of one of your own")
    return str(found[0]["id"])


def _said(answer: httpx2.Response) -> str:
    try:
        document = answer.json()
        details = [f"{each['pointer']}: {each['detail']}" for each in document.get("errors") or []]
        return "; ".join(details) or str(document["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {answer.status_code} of {answer.request.url}, and no problem document: is this a Wayproof API?"
