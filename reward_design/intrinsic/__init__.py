"""Rewards for novelty: what the agent has not seen."""
