"""Exact planning on explicit MDPs: the oracle of tests and cards."""
