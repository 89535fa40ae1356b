"""MQTT to readings to store to receipts."""
