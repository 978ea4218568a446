"""A home without hardware: virtual radio, virtual devices, virtual patients and their faults.

Owns everything that pretends to be outside the gateway. Must not know the gateway: an
encoder here and its decoder there are written twice, so that they cannot share a mistake.
"""
