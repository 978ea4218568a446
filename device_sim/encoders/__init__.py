"""Bytes as devices send them, written from the Bluetooth specifications alone.

Owns the encoding direction only. Must not know, or be known by, the gateway's decoders.
"""
