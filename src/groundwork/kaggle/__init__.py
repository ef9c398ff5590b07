"""What hands the answer in: the gate, the upload, the ledger."""
