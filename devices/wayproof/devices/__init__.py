"""The device's side: topics, payloads, credentials, the publisher with its outbox, the simulator, replay."""
