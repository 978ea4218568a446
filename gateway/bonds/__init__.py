"""The keys of paired devices, and how they move to a replacement gateway."""
