"""Bugs that from-scratch programs are published with, to be planted into ours: the suite must notice each."""

from tests.scratch.mutants import engine, functions, layers, modules, optimizers, training
from tests.scratch.mutants.mutant import Mutant, planted

__all__ = ["MUTANTS", "Mutant", "planted"]

MUTANTS = [
    *engine.MUTANTS,
    *functions.MUTANTS,
    *layers.MUTANTS,
    *modules.MUTANTS,
    *optimizers.MUTANTS,
    *training.MUTANTS,
]
