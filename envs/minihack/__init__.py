"""MiniHack-style worlds: levels in NetHack's own level language, compiled and played on NLE."""
