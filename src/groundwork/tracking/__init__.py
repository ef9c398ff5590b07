"""Weights & Biases: runs, their files, and sending them later."""
