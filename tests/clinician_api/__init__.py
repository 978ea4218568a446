"""Tests of the clinicians' service."""
