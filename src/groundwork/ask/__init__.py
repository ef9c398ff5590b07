"""What a person asks a trained network."""
