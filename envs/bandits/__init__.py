"""Bandits: arms with hidden payoffs, classic ones and ones that remember; one file per world."""
