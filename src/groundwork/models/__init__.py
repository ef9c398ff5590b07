"""Networks, and nothing else: tensors by name in, logits out."""
