"""Thousands of gateways at the level of MQTT, without radio, to load a server and to trouble it.

`emitting` makes a home's readings of a story, `delivery` keeps one gateway's sequence numbers and
receipts, `line` holds a connection, `gateway` is one gateway, `running` moves them all, and
`registration` writes what the server must know of the homes. The fleet touches MQTT and nothing
else of the server.
"""
