"""Search for rewards on benchmarks: training on candidates, scores, and the report of a search."""
