"""Attacks on the closed reward language, and a judge of it that shares no code with it."""
