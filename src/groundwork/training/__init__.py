"""Training: mini-batches, optimizers, schedules, the Lightning module, folds and the fold store."""
