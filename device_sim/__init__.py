"""Virtual radio, virtual devices, virtual patients, whole fleets, and their faults."""
