"""The stages of dvc.yaml, a file for each."""
