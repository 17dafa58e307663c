"""Benchmark suites: each is data in a file of its own and one table row."""
