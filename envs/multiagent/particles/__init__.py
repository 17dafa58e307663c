"""Particle worlds: discs that push each other about, for teams that cooperate or hunt."""
