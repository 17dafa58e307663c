"""Credit for what an episode paid as a whole: designs that learn which step earned it."""
