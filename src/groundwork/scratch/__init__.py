"""Deep learning from scratch on NumPy alone, written to be read and compared with PyTorch.

Read in this order: `tensor` (back-propagation), `functional` (what networks compute), `nn` (what has
weights), `optim` (how they learn), `data` and `train` (the loop), `linalg` (the foundation), `verify` (how
anyone can check), `bridge` (the way into the pipeline).

Beside these lie single ideas that lessons are about: `mlp`, `tweak` (learning without a gradient), `retrieval` (BM25,
NDCG), `factorization` (who will like what), `hardware` (what arithmetic costs).
"""

from groundwork.scratch.combine import cat, stack, where
from groundwork.scratch.grad_mode import no_grad
from groundwork.scratch.random import manual_seed
from groundwork.scratch.tensor import Tensor, operation

__all__ = ["Tensor", "cat", "manual_seed", "no_grad", "operation", "stack", "where"]
