"""Rule sets: which rules a programme uses, with which numbers.

`model` is the shape, `loading` reads files and names what is wrong in them, ``shipped`` holds the
templates. Whether a set is approved is not written in it: a physician approves it in the system.
"""
