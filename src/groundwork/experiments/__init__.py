"""Records of experiments: fingerprints, seals, dvc.lock, and the comparison of results."""
