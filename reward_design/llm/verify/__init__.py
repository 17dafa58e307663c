"""Checks of proposed programs, before anything is trained on them."""
