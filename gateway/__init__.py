"""The room in the home: reads devices over Bluetooth, keeps every reading safe, sends it.

Owns the way from a device's indication to the server's receipt. It knows no patient, no
limit and no rule: what a reading means is the server's business. It imports telekol and no
other room, so that a home installs nothing of the server.

Invariant: from the moment a device's indication is confirmed until the server's receipt,
the reading is in the outbox on disk.
"""
