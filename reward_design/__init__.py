"""Package operant.reward_design."""

if not __name__.startswith("operant."):  # the repository root is on sys.path when it is the cwd
    raise ImportError("import operant.reward_design, not reward_design: the folder is part of the operant package")
