"""Words, sub-words, and how well a text answers another."""
