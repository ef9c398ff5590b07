"""The schema of a lane's sections of params.yaml: encodings, networks, losses, training."""
