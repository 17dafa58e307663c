"""How long one waits for a first step, in CPU-seconds of new processes.

CPU time, because on a busy machine the wall clock mostly measures the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict

from operant.benchmarks.perf.contenders import ENV

_BEGIN = """
import json, time
seconds, now = {}, time.process_time
def lap(key, start):
    seconds[key] = now() - start
"""
_FIRST_STEP = f"""
start = now()
import operant
lap("import", start)
import gymnasium, numpy
start = now()
env = gymnasium.make_vec({ENV!r}, num_envs=1)
env.reset(seed=0)
env.step(numpy.zeros(1, int))
lap("first_step", start)
"""
_WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
"""
_PROGRAMS = f"""
import gymnasium, numpy, operant
from operant.benchmarks.perf.contenders import closer, shaped
def stepped(**options):
    env = gymnasium.make_vec({ENV!r}, num_envs=1, **options)
    env.reset(seed=0)
    env.step(numpy.zeros(1, int))
    return env
env = stepped(program=shaped, swappable=True)
start = now()
env.unwrapped.swap_program(closer)
env.step(numpy.zeros(1, int))
lap("swap", start)
for key, program in (("inline", closer), ("inline_again", shaped)):
    start = now()
    stepped(program=program)
    lap(key, start)
"""
_END = """
print(json.dumps(seconds))
"""


def start_up(*, repeats: int = 3) -> dict[str, list[float]]:
    """Return CPU-seconds, one number per process.

    ``import`` is that of the package. ``first_step_cold`` and ``first_step_cached`` are the time
    after it to the first step, without and with kernels on disk. ``first_step_core`` is the latter
    where SciPy is not installed, as with Operant alone: numba imports it if it can. ``swap`` is
    the time from a new reward program to the first step that it pays by its address, ``inline`` by
    an env that has it compiled in, ``inline_again`` by a second such env of the process; kernels
    are on disk.

    Args:
        repeats: Processes of each kind, >= 1.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            found["first_step_cold"].append(_run(_FIRST_STEP, cache)["first_step"])
    with tempfile.TemporaryDirectory() as cache:
        for program in (_FIRST_STEP, _PROGRAMS):
            _run(program, cache)  # leaves the kernels there
        for _ in range(repeats):
            for key, seconds in (_run(_FIRST_STEP, cache) | _run(_PROGRAMS, cache)).items():
                found["first_step_cached" if key == "first_step" else key].append(seconds)
            core = _run(_WITHOUT_SCIPY + _FIRST_STEP, cache)
            found["first_step_core"].append(core["first_step"])
    return dict(found)


def _run(program: str, cache: str) -> dict[str, float]:
    """Return what a program measures in a process with its own kernel cache."""
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    run = subprocess.run(
        [sys.executable, "-c", _BEGIN + program + _END],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(run.stdout)
    return measured
