"""Settings of every test process."""

from __future__ import annotations

import os

import hypothesis

# Before anything imports NumPy, torch or numba: these read their thread count once, at import.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# The same examples in every run, and no failure because a busy machine was slow.
hypothesis.settings.register_profile("operant", derandomize=True, deadline=None)
hypothesis.settings.load_profile("operant")
