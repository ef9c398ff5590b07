"""Defines the schema of a lane's sections in params.yaml: encodings, networks, losses, training."""
