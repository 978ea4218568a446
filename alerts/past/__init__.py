"""What is asked of the past: replays of what was found, other limits, whole populations."""
