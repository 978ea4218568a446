"""The radio loop: whom to talk to next, and what is done about a radio that fails."""
