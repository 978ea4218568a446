"""What the clock drives: which jobs there are, when they are due, and what turns them."""
