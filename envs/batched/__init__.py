"""Batches of worlds that are stepped row by row; scalar and vector envs are thin layers over them."""
