"""Stable-Baselines3 as agents, and its vector env over any Gymnasium vector env."""
