"""mq-bridge with upsert: runs in an environment of its own, where nothing of ours is installed.

python mq_bridge_route.py BROKER_PORT USER PASSWORD FILTER DATABASE_URL
"""

import sys

from mq_bridge import Route  # type: ignore[import-not-found]

port, user, password, topic, url = sys.argv[1:]
Route.from_config(
    {
        "input": {
            "mqtt": {
                "url": f"tcp://127.0.0.1:{port}",
                "username": user,
                "password": password,
                "client_id": user,
                "topic": topic,
                "qos": 1,
                "protocol": "v5",
                "queue_capacity": 20_000,
                "max_inflight": 65_535,
            }
        },
        # The fastest of its ways to write without duplicates: every field into the column of its name.
        "output": {"sqlx": {"url": url, "table": "bridge_reading", "columns": "auto", "key": "observed_at,boot,seq"}},
        "concurrency": 4,
        "batch_size": 2_000,
        "startup_timeout_ms": 60_000,
    }
).run()
