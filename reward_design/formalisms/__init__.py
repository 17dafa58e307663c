"""Rewards with memory: reward machines, temporal logic, functions of the episode's return."""
