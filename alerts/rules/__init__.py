"""One module per family of rules; each is a pure function over a window and per-row parameters."""
