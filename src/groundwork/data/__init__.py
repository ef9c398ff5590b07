"""What we learn from: fetched, prepared, split into folds, encoded, cut into batches."""
