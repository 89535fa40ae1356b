"""Documents of API keys."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from wayproof.api.schemas.base import Body, Future, Listing, Name, View
from wayproof.model.access import Scope

Scopes = Annotated[list[Scope], Field(min_length=1, max_length=len(Scope), examples=[["shipments:read"]])]


class NewKey(Body):
    """A key to be made. It can do no more, and lives no longer, than the key that makes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "label": "Control tower dashboard",
                    "scopes": ["shipments:read", "devices:read"],
                    "expires_at": "2099-01-01T00:00:00Z",
                }
            ]
        }
    )

    label: Name = Field(description="Who holds it, and what for")
    scopes: Scopes
    expires_at: Future | None = Field(default=None, description="In the future; null: never")


class KeyView(View):
    """A key, without its secret."""

    id: str = Field(validation_alias="key_id", examples=["Zm9vYmFyQmF6"])
    label: str = Field(examples=["Control tower dashboard"])
    scopes: Scopes
    created_at: datetime = Field(examples=["2026-03-02T08:00:00Z"])
    expires_at: datetime | None = Field(examples=["2099-01-01T00:00:00Z"])
    revoked_at: datetime | None = Field(examples=[None])


class KeyTokenView(KeyView):
    """A key with its token, which nobody can be told again."""

    token: str = Field(
        description="Send it as `Authorization: Bearer`; shown this once",
        examples=["wp_Zm9vYmFyQmF6_pX3v0N0p1C2b3A4l5k6J7h8G9f0d1S2a3P4o5I6u7Y8"],
    )


class KeyList(Listing[KeyView]):
    """Keys, newest first, expired and revoked ones among them."""
