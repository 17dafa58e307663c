"""Operant, the reward-design laboratory for reinforcement learning."""
