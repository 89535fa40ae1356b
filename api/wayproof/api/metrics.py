"""Every metric of this process: names, units and buckets."""

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import Scope

from wayproof.store.pool import Pool

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS: Final = frozenset({"DELETE", "GET", "PATCH", "POST"})


class HttpMetrics:
    """Requests by the template of their route: a path as it came would be a new series for each id."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.in_progress = Gauge("wayproof_http_requests_in_progress", "Requests being served", registry=registry)
        self._requests = Counter(
            "wayproof_http_requests", "Requests served", ["method", "route", "status"], registry=registry
        )
        self._duration = Histogram(
            "wayproof_http_request_duration_seconds",
            "From the request's head to the end of the answer",
            ["method", "route"],
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, scope: Scope, status: int, duration_s: float) -> None:
        """Counts one request that is over; status 0: the caller left before the answer."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", None) or "none"
        self._requests.labels(method, route, status).inc()
        self._duration.labels(method, route).observe(duration_s)


def measure_pool(registry: CollectorRegistry, pool: Pool) -> None:
    """Adds what the pool of database connections says of itself."""
    watched = {
        "pool_size": ("wayproof_database_connections", "Connections that the pool holds"),
        "pool_available": ("wayproof_database_connections_idle", "Connections that wait for work"),
        "requests_waiting": ("wayproof_database_waiting", "Requests that wait for a connection"),
    }
    for statistic, (name, meaning) in watched.items():
        gauge = Gauge(name, meaning, registry=registry)
        gauge.set_function(lambda statistic=statistic: _statistic(pool, statistic))  # type: ignore[misc]


def _statistic(pool: Pool, name: str) -> Any:
    return pool.get_stats().get(name, 0)
