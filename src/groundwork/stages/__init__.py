"""The stages of dvc.yaml, one module each, and the commands validate and report."""
