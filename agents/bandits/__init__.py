"""Bandit algorithms: online learners in lockstep on arrays, and their view as policies."""
