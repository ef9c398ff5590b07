"""Networks: PyTorch modules that take tensors by name and return logits."""
