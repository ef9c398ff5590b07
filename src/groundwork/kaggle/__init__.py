"""Submits to Kaggle: the gate, the upload and the ledger of submissions."""
