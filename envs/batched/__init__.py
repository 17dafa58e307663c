"""Worlds in rows that are stepped together; scalar and vector envs are thin layers over them."""
