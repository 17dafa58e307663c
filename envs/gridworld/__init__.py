"""Gridworlds with MiniGrid's dynamics: one compiled engine, one file per world."""
