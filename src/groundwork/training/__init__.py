"""What adjusts a model: optimizers, schedules, regularization, the Lightning module, the fit."""
