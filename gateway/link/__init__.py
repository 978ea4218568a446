"""The line to the server: what is sent, said and heard over MQTT, and who the gateway is there."""
