"""Filled-in questionnaires: judged by themselves, and held beside the readings of their day."""
