"""The API in this process, on a real database; and customers who call it with a key of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from wayproof.api.app import create_app
from wayproof.api.epcis import OF_KIND, PREFIX
from wayproof.api.problems import KINDS, MEDIA_TYPE
from wayproof.api.settings import ApiSettings
from wayproof.model.access import Scope
from wayproof.store.keys import create_key
from wayproof.store.pool import Conn
from wayproof.store.settings import DatabaseSettings

from fix_registry import Registry
from ports import free_port, wait_for_listener


@dataclass(frozen=True, kw_only=True)
class Customer:
    """Somebody who calls the API; `registry` makes rows of their tenant."""

    client: TestClient
    superuser: Conn
    registry: Registry
    token: str

    def holding(self, *scopes: Scope) -> "Customer":
        """The same customer with another key, which has these scopes and no others."""
        key = create_key(self.superuser, tenant_id=self.registry.tenant_id, label="test", scopes=scopes)
        return replace(self, token=key[1])

    def get(self, path: str, **query: Any) -> Response:
        """A GET with the key."""
        return self.request("GET", path, params=query or None)

    def post(self, path: str, body: Any = None, **headers: str) -> Response:
        """A POST of JSON with the key."""
        return self._send("POST", path, body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> Response:
        """A PATCH of JSON with the key; `if_match` is If-Match."""
        return self._send("PATCH", path, body, headers)

    def request(self, method: str, path: str, *, headers: dict[str, str] | None = None, **content: Any) -> Response:
        """Any request with the key."""
        authorization = {"Authorization": f"Bearer {self.token}"}
        return self.client.request(method, path, headers={**authorization, **(headers or {})}, **content)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Response:
        hyphened = {name.replace("_", "-"): value for name, value in headers.items()}
        # Not by the client's own encoder: it cannot send every string that JSON can hold.
        content = None if body is None else json.dumps(body).encode()
        return self.request(method, path, content=content, headers={"Content-Type": "application/json", **hyphened})


@pytest.fixture
def api_settings(database: DatabaseSettings) -> ApiSettings:
    """Settings of an API on this test's database."""
    return ApiSettings(database=database)


@pytest.fixture
def app(api_settings: ApiSettings) -> FastAPI:
    """The application, not started."""
    return create_app(api_settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """The started application, called by nobody in particular."""
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture
def customer_factory(
    client: TestClient, superuser: Conn, registry_factory: Callable[[str], Registry]
) -> Callable[[str], Customer]:
    """Makes a tenant and its customer, whose key has every scope."""

    def make(tenant: str) -> Customer:
        nobody = Customer(client=client, superuser=superuser, registry=registry_factory(tenant), token="")
        return nobody.holding(*Scope)

    return make


@pytest.fixture
def acme(customer_factory: Callable[[str], Customer]) -> Customer:
    """The customer of tenant acme, whose key has every scope."""
    return customer_factory("acme")


@dataclass(frozen=True, kw_only=True)
class ApiProcess:
    """`python -m wayproof.api` as it really runs."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path


@pytest.fixture
def api_process(database: DatabaseSettings, log_folder: Path) -> Iterator[ApiProcess]:
    """The API in a process of its own, listening."""
    port = free_port()
    environment = {
        **os.environ,
        "WAYPROOF_DATABASE_URL": database.url.get_secret_value(),
        "WAYPROOF_API_PORT": str(port),
    }
    log_file = log_folder / "api.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "wayproof.api"], env=environment, stdout=log, stderr=log)
    try:
        wait_for_listener(process, port)
        yield ApiProcess(process=process, address=f"http://127.0.0.1:{port}", log=log_file)
    finally:
        process.kill()
        process.wait(60)


@pytest.fixture
def api_address(app: FastAPI) -> Iterator[str]:
    """Where the application answers over HTTP, in a thread of this process: one of its own takes seconds to start."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False, ws="none"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60)


def problem(response: Response, slug: str) -> dict[str, Any]:
    """The problem that `response` must be: its kind's status, type and title, and nothing but known members.

    Below /epcis the type is the one that the standard has for it.
    """
    kind = KINDS[slug]
    if f"{response.url.path}/".startswith(f"{PREFIX}/"):
        kind = OF_KIND[kind]
    document: dict[str, Any] = response.json()
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["cache-control"] == "no-store"
    assert (response.status_code, document["status"]) == (kind.status, kind.status)
    assert (document["type"], document["title"]) == (kind.uri, kind.title)
    assert document["detail"]
    assert set(document) <= {"type", "title", "status", "detail", "errors"}
    return document
