"""Small worlds of the reward-design literature, on the grid engine: one file per world."""
