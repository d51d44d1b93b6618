"""The demonstration: simulated rigs, a broker and the real station, from work order to MQTT."""
