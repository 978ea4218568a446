"""What was read is kept here until the server has it: the outbox, its file and its limits."""
