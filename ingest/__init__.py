"""Takes messages off MQTT, stores each reading once, answers with a receipt.

Pure: `parcel` (what a message holds and what becomes of it). The broker is touched by
`subscriber`, the database by `writer`, clock and process by `service`.
"""
