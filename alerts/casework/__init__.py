"""Work for people: cases, what moves them, and what must be measured again before it does."""
