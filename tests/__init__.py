"""A package, not a mere folder: iterative-stratification installs one named `tests`, which would be found first."""
