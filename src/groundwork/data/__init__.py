"""Reads competitions' archives, checks their tables, and prepares typed tables and folds."""
