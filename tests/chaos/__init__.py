"""The fault campaign: simulated homes, production processes, and everything that can break.

`plan` says what breaks when (pure, by seed), `house` runs the processes, `harm` breaks them,
`oracle` counts, `spy` watches receipts, `campaign` ties them together, `__main__` is `make chaos`.
"""
