"""Checkers that users run on their own envs and designs."""
