"""The way to the MQTT broker: results until they have come back, and what is retained there."""
