"""ISI-CombUCB1: blocks of rounds, each planned so that it does not matter how it begins.

Source: A Last Switch Dependent Analysis of Satiation and Seasonality in Bandits (Laforgue, Clerici,
Cesa-Bianchi, Gilad-Bachrach, 2022). Deviation: a block is planned exactly, by backward induction,
where the source relaxes a linear program and fixes variables greedily; and for bandits with runs
the further round of a block is one in which nothing is played.
"""

from __future__ import annotations

import math

import numpy as np

from operant.agents.bandits.lsd.learner import LSDLearner
from operant.lsd import LSDRules, best_total
from operant.lsd.product import ProductGraph, explore
from operant.types import Bool, Float


class ISICombUCB1(LSDLearner):
    """Plans blocks by upper confidence bounds; the first play of an arm in a block counts nothing.

    "Initial-state independent": after its first play an arm's counter is known whatever the
    block began with, so what a block earns besides first plays depends on its actions alone. The
    longer the block, the less is given away by that, and the more there is to learn.
    """

    def __init__(
        self,
        rules: LSDRules,
        *,
        horizon: int,
        seed: int = 0,
        block: int | None = None,
        limit: int = 100_000,
    ) -> None:
        """Lay out the states of a block.

        Args:
            rules: How the arms move.
            horizon: Rounds to be played, >= 1.
            seed: Unused: nothing is left to chance.
            block: Rounds of a block, >= 2, without the one before it that bandits with runs need;
                None for D + 1, but 6 at most.
            limit: Most states of a block.

        Raises:
            ValueError: If the block is too short; or if arms have runs and recover gradually, or
                every round must be used: no state is known then after a first play.
            TooManyStatesError: If a block has more states than the limit.
        """
        super().__init__(rules, horizon=horizon, seed=seed)
        self.block = min(rules.D + 1, 6) if block is None else block
        if self.block < 2:
            raise ValueError(f"block must be >= 2 rounds, got {self.block}")
        if rules.S and (rules.recovery == "gradual" or not rules.allow_none):
            raise ValueError(
                "blocks of bandits with runs need recovery='reset' and allow_none=True, got "
                f"{rules.recovery!r} and {rules.allow_none}: the state after a first play would "
                "depend on what was before the block"
            )
        self._graph, self._start = _block_graph(rules, limit)
        self._plan: list[int] = []
        self._first: Bool = np.ones(rules.K, np.bool_)
        self._used: Float = np.zeros_like(self.counts)
        self._paid: Float = np.zeros_like(self.sums)

    def indices(self) -> Float:
        """Return the upper confidence bounds, (K, n)."""
        unknown = self.block * math.sqrt(1.5 * math.log(max(2, self.rules.K * self.block)))
        spread = np.sqrt(1.5 * math.log(max(2, self.now)) / np.maximum(self._used, 1.0))
        bounds: Float = np.where(
            self._used > 0, self._paid / np.maximum(self._used, 1.0) + spread, unknown
        )
        return bounds

    def act(self) -> int:
        """Choose an arm, or K for none."""
        if not self._plan:
            self._plan = self.plan_block(self.indices())
            self._first[:] = True
            if self.rules.S:
                self._plan.insert(0, self.rules.K)  # all runs end: a first play leads to -1
        return self._plan[0]

    def observe(self, action: int, reward: float) -> None:
        """Learn from a round; see :class:`LSDLearner`."""
        if self._plan:
            self._plan.pop(0)
        if action < self.rules.K:
            if not self._first[action]:
                self._used[action, self.levels[action]] += 1
                self._paid[action, self.levels[action]] += reward
            self._first[action] = False
        super().observe(action, reward)

    def plan_block(self, payoffs: Float) -> list[int]:
        """Return the best actions of a block for payoffs, (K, n), of all but first plays."""
        rules, graph = self.rules, self._graph
        table = np.concatenate([payoffs, np.zeros((rules.K, 1))], axis=1)
        rewards = np.zeros(graph.after.shape)
        rewards[:, : rules.K] = table[np.arange(rules.K), graph.levels]
        _, choices = best_total(graph, rewards, self.block, policy=True)
        assert choices is not None
        plan, state = list[int](), self._start
        for at in range(self.block):
            plan.append(int(choices[at, state]))
            state = int(graph.after[state, plan[-1]])
        return plan


def _block_graph(rules: LSDRules, limit: int) -> tuple[ProductGraph, int]:
    """Return the states of a block and the one in which it begins.

    Arms have one level more, the last: not played in this block yet.
    """
    fresh = rules.size
    first = max(rules.S - 1, 0)  # tau = -1, or 1 for bandits without runs
    idle, played = np.append(rules.idle, fresh), np.append(rules.played, first)
    start = np.full((1, rules.K), fresh, np.int64)
    graph = explore(idle, played, start, none=rules.allow_none, limit=limit)
    return graph, int(graph.find(start)[0])
