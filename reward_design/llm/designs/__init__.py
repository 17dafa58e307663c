"""Reward designs whose reward is a program of the closed language."""
