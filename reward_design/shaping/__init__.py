"""Additive rewards computed from one transition."""
