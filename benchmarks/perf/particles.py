"""How fast are the particle worlds, beside mpe2's, in one run?

Run ``python -m operant.benchmarks.perf.particles``. All contenders take random actions, drawn
beforehand, and start again when an episode ends; counted are steps of worlds, in each of which all
agents act, see and are paid. They take turns, and ratios are taken inside a round; see
:mod:`operant.benchmarks.perf.interleave`. mpe2 is measured where it is installed; what it plays is
compared with ours, from equal states, before anything is timed.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from operant.benchmarks.perf.bars import Bar, at_least
from operant.benchmarks.perf.interleave import Chunk, Contender, Rates, timed
from operant.benchmarks.perf.report import compare, comparison, parser, run
from operant.envs.multiagent.particles.batch import ParticleBatch
from operant.envs.multiagent.particles.scenarios import Scenario, spread, tag
from operant.errors import OperantError

NUM = 256
PEERS: dict[str, tuple[Scenario, str, dict[str, Any]]] = {
    "spread-3": (spread(3), "simple_spread", {"N": 3}),
    "spread-6": (spread(6), "simple_spread", {"N": 6}),
    "tag-3": (tag(), "simple_tag", {}),
}
"""Name -> our scenario, mpe2's world and its arguments."""
OWN = ("CN-6", "CN-15", "CN-30", "PP-6", "PP-15", "PP-30")
GOAL = 50.0
"""Ours in times of mpe2's rate."""
_CHUNK, _DRAWN = 25, 16


def batches(scenario: str | Scenario, num: int = NUM) -> Chunk:
    """Play N worlds at once."""
    batch = ParticleBatch(num_envs=num, scenario=scenario)
    batch.reset(range(num))
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 5, (num, batch.players)) for _ in range(_DRAWN)]

    def play() -> int:
        for k in range(_CHUNK):
            batch.step(drawn[k % _DRAWN])
        return _CHUNK * num

    return play


def parallel(env: Any) -> Chunk:
    """Play a PettingZoo env for an episode."""
    rng = np.random.default_rng(0)
    agents = list(env.possible_agents)
    rows = rng.integers(0, 5, (_CHUNK, len(agents))).tolist()
    drawn = [dict(zip(agents, row, strict=True)) for row in rows]

    def play() -> int:
        env.reset(seed=0)
        for k in range(_CHUNK):
            env.step(drawn[k])
        return _CHUNK

    return play


def require_equal(name: str) -> None:
    """Play an episode of ours and of mpe2's from one state.

    Raises:
        OperantError: If they are not paid alike to 1e-9.
    """
    what, world, options = PEERS[name]
    judge, ours = _mpe2(world, options), ParticleBatch(num_envs=1, scenario=what)
    judge.reset(seed=0)
    ours.reset([0])
    entities = judge.unwrapped.world.entities
    at = np.array([entity.state.p_pos for entity in entities])
    ours.place(0, at, np.zeros((what.movers, 2)))
    rng = np.random.default_rng(0)
    for step in range(what.horizon):
        actions = rng.integers(0, 5, (1, ours.players))
        paid = ours.step(actions)[0][0]
        theirs = judge.step(dict(zip(judge.agents, actions[0].tolist(), strict=True)))[1]
        if not np.allclose(paid, list(theirs.values()), rtol=0.0, atol=1e-9):
            raise OperantError(f"{name}, step {step}: ours pays {paid}, mpe2's {theirs}")


def contenders() -> list[Contender]:
    """Build everything that is timed and installed here."""
    rows = [
        (f"ours/{name}", f"{what.name}, batch of {NUM}", batches(what))
        for name, (what, _, _) in PEERS.items()
    ]
    if importlib.util.find_spec("mpe2"):
        for name, (_, world, options) in PEERS.items():
            require_equal(name)
            label = f"{name}, mpe2's {world}"
            rows.append((f"mpe2/{name}", label, parallel(_mpe2(world, options))))
    rows += [(f"ours/{name}", f"{name}, batch of {NUM}", batches(name)) for name in OWN]
    if importlib.util.find_spec("pettingzoo"):
        from operant.envs.multiagent.particles.parallel import ParticleEnv

        one = ParticleEnv(scenario=spread(3))
        rows.append(("parallel/spread-3", "Spread-3, our PettingZoo env", parallel(one)))
    return [Contender(key, label, "world steps", timed(chunk)) for key, label, chunk in rows]


def bars(rates: Rates) -> list[Bar]:
    """Hold a measurement against the bars."""
    beside = [
        at_least(
            f"mpe2/{name}", f"{name}, x mpe2", GOAL, rates.ratios(f"ours/{name}", f"mpe2/{name}")
        )
        for name in PEERS
    ]
    single = at_least(
        "parallel",
        "spread-3, our PettingZoo env, x mpe2's",
        None,
        rates.ratios("parallel/spread-3", "mpe2/spread-3"),
    )
    return [*beside, single]


def measure(*, rounds: int, seconds: float) -> dict[str, Any]:
    """Run the whole comparison.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: CPU-seconds in all, > 0.

    Raises:
        OperantError: If ours do not pay what mpe2's pay.
        ValueError: If an argument is outside its range.
    """
    return compare(contenders, bars, rounds=rounds, seconds=seconds)


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    return comparison("Particle worlds: random actions; one CPU", result)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    told = "Measure the particle worlds' throughput beside mpe2's."
    options = parser("particles", told, rounds=9, seconds=30.0)
    return run(options, argv, measure, describe)


def _mpe2(world: str, options: dict[str, Any]) -> Any:
    """Return mpe2's own env, without our infos around it."""
    from operant.envs.multiagent.particles.mpe2_env import make

    return make(world=world, **options).env


if __name__ == "__main__":
    sys.exit(main())
