"""The room in the home: reads devices over Bluetooth, keeps every reading safe, sends it.

Owns the way from a device's indication to the server's receipt. It knows no patient, no
limit and no rule: what a reading means is the server's business. It imports telekol and no
other room, so that a home installs nothing of the server.

Its rooms: `radio` (Bluetooth itself), `listening` (whom to talk to, and mending a radio),
`conversations` (how each device is talked to), `streams` (devices that send without end),
`profiles` (bytes to values), `timing` (when it was), `keeping` (the outbox), `link` (the line to
the server), `door` (what people and programs hand in), `bonds` (keys that move house). `assembly`
puts them together and `service` runs them; `intake`, `capture` and `condition` lie between.

Invariant: from the moment a device's indication is confirmed until the server's receipt,
the reading is in the outbox on disk.
"""
