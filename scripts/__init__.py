"""Tools of the house itself; nothing here is installed with it."""
