"""Groundwork: an experiment-tracked workspace for deep learning on Kaggle."""

__version__ = "0.1.0"
