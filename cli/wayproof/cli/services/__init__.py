"""Programs that `wayproof up` starts and supervises: PostgreSQL, the MQTT broker, the chain."""
