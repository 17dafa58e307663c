"""Operant's own agents in PyTorch: batched, with reward streams, hooks and exact resume."""
