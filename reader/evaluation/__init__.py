"""Tasks, metrics and plots that show what a long-context method remembers."""
