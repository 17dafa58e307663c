"""Agents for games of several players: exact solvers, self-play, and what to judge them by."""
