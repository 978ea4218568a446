"""The parts of one round of the engine: what is judged, with what, and what was said of it."""
