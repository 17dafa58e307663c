"""LSD bandits: arms whose payoff depends on their last switch, from rest to play or back.

Source: A Last Switch Dependent Analysis of Satiation and Seasonality in Bandits (Laforgue, Clerici,
Cesa-Bianchi, Gilad-Bachrach, 2022). Ours: what is shown, finite episodes, success.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.bandits import lsd_kernel as kernel
from operant.envs.bandits.lsd_features import lsd_card, lsd_table
from operant.envs.bandits.lsd_optimum import best_plan, exact_graph, instance_of
from operant.envs.bandits.lsd_view import lsd_frame, lsd_text
from operant.envs.batched.makers import makers
from operant.envs.batched.world import BatchWorld, Outcome
from operant.lsd import LSDInstance, LSDRules, Recovery
from operant.types import Card, Feature, Int, Oracle

NOISES = {"none": kernel.NO_NOISE, "bernoulli": kernel.BERNOULLI, "gaussian": kernel.GAUSSIAN}
OBSERVED = {"state": kernel.STATE, "mean": kernel.MEAN, "blind": kernel.BLIND}
INITS = ("rested", "one", "random")
SUCCESS = 0.95
"""Share of the best total that counts as success."""


class LSDWorld(BatchWorld):
    """One LSD bandit in N rows: the same payoffs in all, chance of its own in each."""

    RENDER_MODES: ClassVar[tuple[str, ...]] = ("rgb_array", "ansi")
    OFFERS: ClassVar[frozenset[str]] = frozenset({"instance", "horizon", "best_total"})

    def __init__(
        self,
        *,
        num: int = 1,
        K: int = 4,
        D: int = 4,
        S: int = 3,
        payoff: str = "monotone",
        means: Sequence[Sequence[float]] | None = None,
        pos: int = 3,
        noise: str = "bernoulli",
        sigma: float = 0.1,
        horizon: int = 200,
        allow_none: bool = True,
        observe: str = "state",
        recovery: Recovery = "reset",
        init: str = "rested",
        positive_only: bool = False,
        instance_seed: int = 0,
        max_steps: int | None = None,
    ) -> None:
        """Draw the payoffs.

        Args:
            num: Rows.
            K: Arms, >= 1.
            D: Longest rest that counts, in rounds, >= 1.
            S: Longest run that counts, in plays, >= 1; unused if ``positive_only``.
            payoff: Family of payoffs, a name of ``payoffs.FAMILIES``.
            means: (K, S + D) mean payoffs in [0, 1] instead of a family, in the order of tau.
            pos: Delay of the payoffs ``"trick_csbog"`` and ``"trick_og"``, in rounds.
            noise: ``"none"``, ``"bernoulli"`` or ``"gaussian"``.
            sigma: Standard deviation of Gaussian noise, > 0.
            horizon: Rounds of an episode, >= 1.
            allow_none: True if action K lets a round pass.
            observe: ``"state"``, ``"mean"`` or ``"blind"``.
            recovery: ``"reset"`` or ``"gradual"``.
            init: ``"rested"`` (all counters D), ``"one"`` (all 1) or ``"random"`` (1 .. D).
            positive_only: True for bandits without runs: a play leads to tau = 1.
            instance_seed: Seed of the payoffs, >= 0, apart from the seeds of episodes.
            max_steps: Cuts episodes before the horizon; None for none.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        own = {name: value for name, value in locals().items() if name not in _NOT_OPTIONS}
        if not isinstance(horizon, (int, np.integer)) or horizon < 1:
            raise ValueError(f"horizon must be an integer >= 1, got {horizon!r}")
        super().__init__(
            num=num, max_steps=horizon if max_steps is None else min(max_steps, horizon), **own
        )
        for name, value, known in (
            ("noise", noise, tuple(NOISES)),
            ("observe", observe, tuple(OBSERVED)),
            ("init", init, INITS),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        if not 0 < sigma < np.inf:
            raise ValueError(f"sigma must be a deviation above 0, got {sigma}")
        if not positive_only and S < 1:
            raise ValueError(f"S must be >= 1, got {S}; positive_only=True is for no runs")
        self.horizon, self._observe, self._init, self._noise_kind = horizon, observe, init, noise
        self._sigma = float(sigma)
        given = None if means is None else tuple(tuple(map(float, row)) for row in means)
        self._source = "given" if given is not None else payoff
        self.instance = instance_of(
            LSDRules(
                K=K, D=D, S=0 if positive_only else S, recovery=recovery, allow_none=allow_none
            ),
            payoff,
            given,
            instance_seed,
            pos,
        )
        self._allocate()

    def _allocate(self) -> None:
        rules = self.instance.rules
        self.action_space = spaces.Discrete(rules.actions)
        self.observation_space = _space(self.instance, self._observe, self._noise_kind)
        self.table: tuple[Feature, ...] = lsd_table(rules, self.horizon, self._observe)
        num = self.num
        extras: dict[str, npt.NDArray[Any]] = {
            "mean": np.zeros(num),
            "regret": np.zeros(num),
            "regret_inc": np.zeros(num),
            "tau": np.zeros(num, np.int64),
        }
        self.out = Outcome.zeros(num, self.observation_space, self.table, extras)
        self._shown = _shown(rules)
        if self._observe == "mean":
            cast(Any, self.out.obs)[:, rules.K :] = self.instance.payoffs.ravel()
        self._levels: kernel.Levels = rules.start(num).astype(np.uint16)
        self._total = np.zeros(num)
        # Not the read-only one of the base class: the kernel would be compiled once more for it.
        self._first: Int = np.zeros(1, np.int64)
        drawn = 1 if self._noise_kind == "none" else self.horizon
        self._noise = np.zeros((num, drawn))
        moves = rules.idle.astype(np.uint16), rules.played.astype(np.uint16)
        self._tables = (*moves, rules.taus, self.instance.payoffs)
        self._best = 0.0

    @property
    def best_total(self) -> float:
        """Mean total of the best schedule of a whole episode, or an upper bound on it."""
        rules = self.instance.rules
        start = rules.start(tau=1 if self._init == "one" else None)
        levels = tuple(start[0].tolist())
        return best_plan(self.instance, levels, self.horizon, horizon=self.horizon)[1]

    def card(self, env_id: str) -> Card:
        """Describe the bandit."""
        return lsd_card(
            env_id,
            self.instance,
            table=self.table,
            source=self._source,
            noise=self._noise_kind,
            sigma=self._sigma,
            observe=self._observe,
            init=self._init,
            horizon=self.horizon,
            max_steps=self.max_steps,
            success=SUCCESS,
            exact=exact_graph(self.instance, self.horizon) is not None,
        )

    def oracle(self, row: int) -> Oracle:
        """Return the best mean total of the rounds left, from where the row stands.

        Without noise it comes with the best actions. Rows without an episode are as at a reset.
        """
        levels = tuple(self._levels[row].tolist())
        left = max(0, self.max_steps - int(self.elapsed[row]))
        states, total, plan = best_plan(
            self.instance, levels, left, horizon=self.horizon, actions=self._noise_kind == "none"
        )
        if not states:
            return Oracle(
                kind="upper_bound",
                optimal_return=total,
                solution_length=None,
                actions=(),
                method="Lagrangian relaxation: every arm alone, for a price per play",
            )
        succeeds = left > 0 and len(plan) == left and self._succeeds(row, plan)
        return Oracle(
            kind="exact",
            optimal_return=total,
            solution_length=left if succeeds else None,
            actions=plan,
            method=f"backward induction over {states:,} reachable states",
        )

    def _succeeds(self, row: int, plan: tuple[int, ...]) -> bool:
        """Tell whether the rest of an episode makes it a success."""
        here, earned = self._levels[row : row + 1].astype(np.int64), self._total[row]
        for action in plan:  # in the order in which an episode adds up
            earned += self.instance.means(here, np.array([action]))[0]
            here = self.instance.rules.advance(here, np.array([action]))
        whole = self.max_steps == self.horizon
        return bool(whole and earned >= SUCCESS * self.best_total)

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the counters as a picture."""
        rules, told = self.instance.rules, self.out.features
        return lsd_frame(told["tau"][row], rules.D, rules.S, int(told["last_action"][row]))

    def text(self, row: int) -> str:
        """Return the counters as a line of text."""
        told, K = self.out.features, self.instance.rules.K
        last = int(told["last_action"][row])
        name = "none" if last in (-1, K) else f"arm {last}"
        return lsd_text(told["tau"][row], int(told["round"][row]), name, float(self._total[row]))

    def _reset(self, rows: Int) -> None:
        self._best = self.best_total
        rules, out, told = self.instance.rules, self.out, self.out.features
        self._levels[rows] = rules.levels(1) if self._init == "one" else rules.rested
        for row in rows.tolist():
            self._draw(self.streams[row], row)
        self._total[rows] = 0.0
        levels, obs = self._levels[rows].astype(np.int64), cast(Any, out.obs)
        if self._observe == "blind":
            obs[rows] = 0.0
        else:
            obs[rows, : rules.K] = self._shown[levels]
        for name in ("round", "streak", "played_tau", "switched"):
            told[name][rows] = 0
        told["last_action"][rows] = -1
        told["rested"][rows] = (levels == rules.rested).sum(axis=1)
        told["best_mean"][rows] = self.instance.rewards(levels).max(axis=1, initial=0.0)
        told["tau"][rows] = rules.taus[levels]
        for extra in out.extras.values():
            extra[rows] = 0

    def _draw(self, stream: np.random.Generator, row: int) -> None:
        """Draw all chance of an episode at once: a call per row and step would cost the most."""
        rules = self.instance.rules
        if self._init == "random":
            self._levels[row] = rules.levels(stream.integers(1, rules.D + 1, rules.K))
        if self._noise_kind == "bernoulli":
            stream.random(out=self._noise[row])
        elif self._noise_kind == "gaussian":
            stream.standard_normal(out=self._noise[row])

    def step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        """Take one step in some rows; see :class:`BatchWorld`.

        The kernel counts the steps and cuts the episodes itself, which is faster.
        """
        self._step(rows, actions)

    def step_one(self, action: Any) -> None:
        """Take one step in the first row."""
        self._step(self._first, np.array([action], np.int64))

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        out, told, extras = self.out, self.out.features, self.out.extras
        names = ("round", "last_action", "streak", "played_tau", "switched", "rested", "best_mean")
        kernel.play(
            rows,
            actions,
            self._tables,
            self._levels,
            self._noise,
            (
                NOISES[self._noise_kind],
                self._sigma,
                self.horizon,
                self.max_steps,
                self._best / self.horizon,
                SUCCESS * self._best,
            ),
            (
                self.elapsed,
                out.truncated,
                out.reward,
                extras["mean"],
                extras["regret_inc"],
                extras["tau"],
                out.success,
                self._total,
            ),
            out.obs,
            self._shown,
            OBSERVED[self._observe],
            (*(told[name] for name in names), told["tau"]),
        )
        extras["regret"][rows] += extras["regret_inc"][rows]

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        return {
            "levels": self._levels.copy(),
            "total": self._total.copy(),
            "noise": self._noise.copy(),
        }

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self._levels[:], self._total[:] = state["levels"], state["total"]
        self._noise[:] = state["noise"]
        self._best = self.best_total  # a copy may be stepped before it is ever reset


_NOT_OPTIONS = ("self", "num", "max_steps", "__class__")


def _space(instance: LSDInstance, observe: str, noise: str) -> spaces.Box:
    rules = instance.rules
    if observe == "blind":
        reward = np.inf if noise == "gaussian" else 1.0
        low = np.zeros(rules.actions + 2, np.float32)
        high = np.ones(rules.actions + 2, np.float32)
        low[-2], high[-2] = (-np.inf if noise == "gaussian" else 0.0), reward
        return spaces.Box(low, high, dtype=np.float32)
    width = rules.K + (instance.payoffs.size if observe == "mean" else 0)
    return spaces.Box(-1.0, 1.0, (width,), np.float32)


def _shown(rules: LSDRules) -> npt.NDArray[np.float32]:
    """Return how levels are shown: tau / D, or tau / S where negative."""
    return np.where(rules.taus > 0, rules.taus / rules.D, rules.taus / max(rules.S, 1)).astype(
        np.float32
    )


make, make_vector = makers(LSDWorld)
