"""What learns, one thing a file: what a sample costs it."""
