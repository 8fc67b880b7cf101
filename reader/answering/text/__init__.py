"""What a text holds, whatever is asked of it: words, numbers, days, sections, tables, people and defined terms."""
