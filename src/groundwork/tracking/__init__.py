"""Tracks runs with Weights & Biases (W&B): logs them, reads their local files, and sends them later."""
