"""Processes text: words, sub-words, BM25, latent semantics, and signals of how well two texts match."""
