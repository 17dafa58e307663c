"""Package operant.benchmarks."""

if not __name__.startswith("operant."):  # the repository root is on sys.path when it is the cwd
    raise ImportError("import operant.benchmarks, not benchmarks: the folder is part of the operant package")
