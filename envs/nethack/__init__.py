"""NetHack worlds on NLE: real seeds, copied observations, features, true objectives."""
