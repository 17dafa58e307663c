"""How fast are LSD bandits and their planners, beside a plain loop in Python?

Run ``python -m operant.benchmarks.perf.lsd``. Envs take turns, and ratios are taken inside a round;
see :mod:`operant.benchmarks.perf.interleave`. All play random arms, resets included. There is no
public vector env of LSD bandits to compare with, so the peer is the plainest one: Gymnasium's
SyncVectorEnv over an env of 30 lines (:class:`PlainLSD`), which shows counters, and no features.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv

import operant
from operant.agents.bandits.lsd import plan_gain, plan_rounded, solve_cycles
from operant.benchmarks.perf.bars import Bar, at_least, at_most
from operant.benchmarks.perf.interleave import Chunk, Contender, Rates, interleave, one_cpu, timed
from operant.benchmarks.perf.report import bar_table, heading, machine, parser, rate_table, run
from operant.lsd import LSDInstance, LSDRules

ENVS = ("LSDBandit-K2-v0", "LSDBandit-K4-v0", "LSDBandit-K8-v0")
PLAIN = "LSDBandit-K4-v0"
"""What the plain env is a copy of."""
GOAL = 5e6
"""Steps per CPU-second that a batch must make."""
_CHUNK = 50


class PlainLSD(gym.Env[Any, Any]):
    """The bandit as one would write it down: a loop over arms."""

    def __init__(self, payoffs: list[list[float]], D: int, S: int, horizon: int) -> None:
        """Take the means, arm by arm for tau = -S .. -1, 1 .. D."""
        self._payoffs, self._D, self._S, self._horizon = payoffs, D, S, horizon
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (len(payoffs),), np.float32)
        self.action_space = gym.spaces.Discrete(len(payoffs) + 1)

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 (Gymnasium's signature)
    ) -> tuple[Any, dict[str, Any]]:
        """Let all arms be rested."""
        super().reset(seed=seed)
        self._taus, self._round = [self._D] * len(self._payoffs), 0
        return self._obs(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Play an arm."""
        mean = 0.0
        for arm, tau in enumerate(self._taus):
            if arm == action:
                mean = self._payoffs[arm][tau + self._S - (tau > 0)]
                self._taus[arm] = max(tau - 1, -self._S) if tau < 0 else -1
            else:
                self._taus[arm] = 1 if tau < 0 else min(tau + 1, self._D)
        self._round += 1
        paid = float(self.np_random.random() < mean)
        return self._obs(), paid, False, self._round >= self._horizon, {"mean": mean}

    def _obs(self) -> Any:
        shown = [tau / self._D if tau > 0 else tau / self._S for tau in self._taus]
        return np.array(shown, np.float32)


def plain(rows: int) -> VectorEnv[Any, Any, Any]:
    """Build the peer of :data:`PLAIN`."""
    instance: LSDInstance = gym.make(PLAIN).unwrapped.instance  # type: ignore[attr-defined]
    rules = instance.rules
    build: Callable[[], PlainLSD] = lambda: PlainLSD(  # noqa: E731 (a factory)
        instance.payoffs.tolist(), rules.D, rules.S, 200
    )
    return SyncVectorEnv([build] * rows)


def plays(envs: VectorEnv[Any, Any, Any], steps: int = _CHUNK) -> Chunk:
    """Play random arms."""
    number = envs.num_envs
    most = int(envs.single_action_space.n)  # type: ignore[attr-defined]
    actions = np.random.default_rng(0).integers(most, size=(64, number))
    envs.reset(seed=0)
    at = 0

    def chunk() -> int:
        nonlocal at
        for _ in range(steps):
            envs.step(actions[at % len(actions)])
            at += 1
        return steps * number

    return chunk


def instance_of(K: int, D: int, S: int, seed: int = 0) -> LSDInstance:
    """Return arms with sorted uniform means."""
    rules = LSDRules(K=K, D=D, S=S)
    drawn = np.random.default_rng(seed).random((K, rules.size))
    return LSDInstance(rules=rules, payoffs=np.sort(drawn, axis=1))


def planners(scale: float = 1.0) -> list[tuple[str, str, float | None, Callable[[], object]]]:
    """Return what is planned: key, words, most CPU-seconds, work.

    Args:
        scale: Of the numbers of arms; 1 for those of the bars.
    """
    many, hundred = max(2, round(1000 * scale)), max(2, round(100 * scale))
    wide, long = instance_of(many, 20, 5), instance_of(hundred, 20, 5)
    small = instance_of(4, 4, 3, seed=4)
    return [
        ("lp", f"LP by HiGHS, K={many} D=20 S=5", 60.0, lambda: solve_cycles(wide)),
        (
            "price",
            f"the same by a search for the price, K={many}",
            None,
            lambda: solve_cycles(wide, solver="price"),
        ),
        (
            "rounded",
            f"rounded plan, LP by HiGHS, K={hundred} D=20 S=5",
            5.0,
            lambda: plan_rounded(long, solver="highs"),
        ),
        ("exact", "exact long-run plan, K=4 D=4 S=3", None, lambda: plan_gain(small)),
    ]


def seconds_of(work: Callable[[], object], times: int) -> list[float]:
    """Return the CPU-seconds of doing something, each time."""
    spent = []
    for _ in range(times):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return spent


def contenders(rows: int) -> list[Contender]:
    """Build everything that steps."""
    labels = {env_id: f"{env_id} x {rows}" for env_id in ENVS}
    made = [
        Contender(env_id, labels[env_id], "env steps", timed(plays(gym.make_vec(env_id, rows))))
        for env_id in ENVS
    ]
    peer = timed(plays(plain(rows), steps=1))
    label = f"SyncVectorEnv of a plain env like {PLAIN}"
    return [*made, Contender("plain", label, "env steps", peer, "no features")]


def bars(rates: Rates, spent: Mapping[str, Sequence[float]], scale: float = 1.0) -> list[Bar]:
    """Hold rates and times against the bars.

    Args:
        rates: Steps per CPU-second.
        spent: Key of a planner -> CPU-seconds.
        scale: Of the planners' numbers of arms.
    """
    made = [
        at_least(env_id, f"{env_id}, steps per CPU-s", GOAL, rates.rounds[env_id])
        for env_id in ENVS
    ]
    made.append(at_least("x_plain", f"{PLAIN}, x a plain env", None, rates.ratios(PLAIN, "plain")))
    return made + [
        at_most(key, f"{text}, CPU-s", goal, spent[key]) for key, text, goal, _ in planners(scale)
    ]


def measure(
    *, rounds: int, seconds: float, rows: int, times: int = 3, scale: float = 1.0
) -> dict[str, Any]:
    """Time envs and planners.

    Args:
        rounds: Measured rounds of the envs, >= 1.
        seconds: Seconds of them in all, > 0.
        rows: Rows of the batches, >= 1.
        times: How often each planner plans, >= 1.
        scale: Of the planners' numbers of arms.

    Raises:
        MissingExtraError: If SciPy is not installed.
        ValueError: If an argument is outside its range.
    """
    if rows < 1 or times < 1:
        raise ValueError(f"rows and times must be >= 1, got {rows} and {times}")
    with one_cpu():
        timed_ones = contenders(rows)
        rates = interleave(timed_ones, rounds=rounds, seconds=seconds)
        spent = {key: seconds_of(work, times) for key, _, _, work in planners(scale)}
    order = sorted(timed_ones, key=lambda contender: contender.key != PLAIN)
    return {
        "task": {"rows": rows},
        "machine": machine(),
        "loads": rates.loads,
        "rates": {c.key: rates.summary(c, order[0]) for c in order},
        "planners": spent,
        "bars": [bar.summary() for bar in bars(rates, spent, scale)],
    }


def describe(result: Mapping[str, Any]) -> str:
    """Return a measurement as text."""
    task = f"LSD bandits, random arms, operant {operant.__version__}"
    return "\n".join(
        [
            *heading(task, result["machine"], result["loads"]),
            *rate_table(result["rates"]),
            *bar_table(result["bars"]),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = parser("lsd", "Measure LSD bandits and their planners.", rounds=9, seconds=30.0)
    options.add_argument("--rows", type=int, default=1024, help="rows of the batches (1024)")
    return run(options, argv, measure, describe, lambda told: {"rows": told.rows})


if __name__ == "__main__":
    sys.exit(main())
