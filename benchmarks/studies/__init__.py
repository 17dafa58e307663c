"""Experiments of papers, run again with what the library ships."""
