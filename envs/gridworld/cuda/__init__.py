"""The gridworlds on a GPU: the CPU's scalar functions, one thread per row, torch in and out.

``build`` makes PTX of Python functions, ``kernels`` says which, ``batch`` runs them on tensors and
``env`` is the vector env.
"""

from __future__ import annotations

import importlib.util

from operant.errors import MissingExtraError

if importlib.util.find_spec("numba_cuda") is None:  # numba's own CUDA target is an older one
    raise MissingExtraError("numba-cuda", "cuda")
