"""Devices that send without end: their frames, and which moment of them is the reading."""
