"""Goal-conditioned worlds: what they share, and the point maze, which needs no physics engine."""
