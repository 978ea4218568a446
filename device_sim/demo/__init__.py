"""The whole house on one machine: embedded parts, simulated homes, and the real services."""
