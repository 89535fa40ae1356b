"""What operators and their tools ask, and the process as they run it."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from anyio.to_thread import current_default_thread_limiter
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from wayproof.store.pool import Conn
from wayproof.store.revisions import newest_revision

from fix_api import ApiProcess, Customer, problem


def test_process_is_alive_and_ready(client: TestClient) -> None:
    """Both checks answer without a key; readiness names the schema that it found."""
    assert client.get("/livez").json()["status"] == "alive"
    assert client.get("/readyz").json() == {"status": "ready", "schema_revision": newest_revision()}


def test_process_is_alive_while_every_thread_is_busy(client: TestClient) -> None:
    """Being alive is answered although requests that wait for the database hold every thread."""
    assert client.portal is not None
    limiter = client.portal.call(current_default_thread_limiter)
    requests = [object() for _ in range(int(limiter.available_tokens))]
    with ThreadPoolExecutor(1) as caller:
        for request in requests:
            client.portal.call(limiter.acquire_on_behalf_of_nowait, request)
        try:
            assert caller.submit(client.get, "/livez").result(timeout=60).status_code == 200
        finally:
            for request in requests:
                client.portal.call(limiter.release_on_behalf_of, request)


def test_other_schema_is_not_ready(client: TestClient, superuser: Conn) -> None:
    """With a schema that this version does not expect the process is alive and not ready."""
    superuser.execute("update alembic_version set version_num = 'other'")
    with capture_logs():
        problem(client.get("/readyz"), "unavailable")
    assert client.get("/livez").status_code == 200


def test_metrics_count_by_route_and_not_by_path(acme: Customer) -> None:
    """Requests are counted by the template of their route, those without one together."""
    for path in ("/v1/devices/truck-1", "/v1/devices/truck-2", "/nonsense", "/other"):
        acme.get(path)
    acme.request("BREW", "/v1/devices")
    text = acme.get("/metrics").text
    assert 'wayproof_http_requests_total{method="GET",route="/v1/devices/{name}",status="404"} 2.0' in text
    assert 'wayproof_http_requests_total{method="GET",route="none",status="404"} 2.0' in text
    assert 'wayproof_http_requests_total{method="other",' in text
    assert "truck-1" not in text
    assert "wayproof_http_request_duration_seconds_bucket" in text
    assert "wayproof_http_requests_in_progress 1.0" in text
    assert "wayproof_database_connections 1.0" in text


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_process_serves_until_it_is_told_to_end(api_process: ApiProcess, sig: signal.Signals) -> None:
    """The process gets ready, answers, and ends with 0 on a signal; its log is JSON lines without a token."""
    assert httpx2.get(f"{api_process.address}/readyz").json()["status"] == "ready"
    refused = httpx2.get(f"{api_process.address}/v1/devices", headers={"Authorization": "Bearer wp_secret"})
    assert refused.status_code == 401
    assert "server" not in refused.headers
    api_process.process.send_signal(sig)
    assert api_process.process.wait(60) == 0
    log = api_process.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"event", "level", "timestamp", "logger"} <= set(lines[0])
    assert "wp_secret" not in log
