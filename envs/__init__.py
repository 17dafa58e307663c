"""Package operant.envs."""

if not __name__.startswith("operant."):  # the repository root is on sys.path when it is the cwd
    raise ImportError("import operant.envs, not envs: the folder is part of the operant package")
