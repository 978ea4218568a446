"""The devices of a kit, as GATT servers that behave like the real ones."""
