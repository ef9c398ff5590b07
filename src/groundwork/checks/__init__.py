"""Alarms about prepared data: leaks, copies and shifts that mislead a score. Linear models and trees only."""
