"""Under which address this server is known."""

from starlette.requests import Request


def address_of(request: Request) -> str:
    """The address that the operator gave, or the one that was asked; no slash at its end."""
    public_url: str | None = request.app.state.settings.public_url
    return public_url or str(request.base_url).rstrip("/")
