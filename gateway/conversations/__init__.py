"""Conversations with devices, one module for each way of talking.

`conversation` owns the order of things, `choice` the table that says which ways a device has, and
`home` what outlives a connection. The others are ways of talking (`indicated`, `stored_records`,
`stream`, `asked`) and what comes before them (`identity`, `clocks`, `batteries`, `consent`).

A reading is on disk before its device may forget it, whatever the way. A device that refuses,
falls silent, hangs up in the middle or sends garbage costs its own turn and nothing else.
"""

from __future__ import annotations

from gateway.conversations.conversation import Conversation
from gateway.conversations.home import Home

__all__ = ["Conversation", "Home"]
