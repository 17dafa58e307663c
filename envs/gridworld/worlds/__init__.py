"""The worlds of the grid engine: one file per family."""
