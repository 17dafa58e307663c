"""Goal-conditioned worlds of MuJoCo: ants that walk to a place, arms that reach or push."""
