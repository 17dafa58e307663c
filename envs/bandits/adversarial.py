"""BanditAdversarial: what arms pay was fixed beforehand, by someone who means ill."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.bandits.arms import bandit_card
from operant.envs.bandits.chance import Chance, uniform
from operant.envs.bandits.options import (
    FULL,
    HISTORY,
    NOTHING,
    Numbers,
    choice,
    count,
    payoff_table,
)
from operant.envs.bandits.world import BanditWorld, Payment
from operant.envs.batched.makers import makers
from operant.types import Bool, Card, Float, Int, Oracle

MODES = ("stochastic", "switch", "sin", "exp3_trap")
_STORIES = {
    "stochastic": "every arm has a mean that stays",
    "switch": "another arm is best in every quarter of the episode",
    "sin": "the means of the arms rise and fall in turns",
    "exp3_trap": "the arm that leads from the start collapses halfway; another one pays less but "
    "always",
    "table": "the table is given",
}


class BanditAdversarial(BanditWorld):
    """K arms and an oblivious adversary: a (T, K) table of rewards is drawn at reset, in N rows.

    Regret compares with the best single arm in hindsight, so an algorithm that switches at the
    right time can have less than none. Info ``mean`` and ``best_mean`` are the entries of the
    table.

    Source: The Nonstochastic Multiarmed Bandit Problem (Auer, Cesa-Bianchi, Freund, Schapire, 2002)
    for the setting; the modes are ours.
    """

    TELLS = (HISTORY, FULL, NOTHING)

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 1000,
        arms: int = 10,
        mode: str = "switch",
        table: Numbers | None = None,
        instance_seed: int | None = None,
        observe: str = HISTORY,
    ) -> None:
        """Build the adversary.

        Args:
            num: Rows.
            max_steps: T, rounds of an episode.
            arms: K.
            mode: ``"stochastic"`` (means that stay), ``"switch"`` (another best arm in every
                quarter), ``"sin"`` (means that swing, shifted in time) or ``"exp3_trap"`` (the
                first leader collapses halfway).
            table: (T, K) rewards in [0, 1] instead, which are paid in every episode.
            instance_seed: None to draw the table for every episode, an integer for the same in all.
            observe: ``"history"`` for the last action, its reward and the time; ``"full"`` for the
                last rewards of all arms before these; ``"nothing"`` for a constant.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        super().__init__(
            num=num,
            max_steps=max_steps,
            observe=observe,
            instance_seed=instance_seed,
            arms=arms,
            mode=mode,
            table=table,
        )
        self._count = count("arms", arms, 2, 1000)
        self.mode = choice("mode", mode, MODES)
        self._given: Float | None = None
        if table is not None:
            self._given = payoff_table("table", table, (max_steps, arms), 0.0, 1.0)
            self.mode = "table"
        self._set_up(
            arms=arms,
            chance=Chance(num, 0, uniform(0)),
            reward_range=(0.0, 1.0),
            beside=arms if observe == FULL else 0,
        )

    def card(self, env_id: str) -> Card:
        """Describe the adversary."""
        return bandit_card(
            self,
            env_id,
            oracle="exact",
            description=(
                f"{self.arms} arms whose rewards for all {self.max_steps} rounds are fixed before "
                f"the first, independent of what the agent does: {_STORIES[self.mode]}. Regret "
                "compares with the best single arm in hindsight."
            ),
            reward="the entry of the table for the round and the chosen arm, in [0, 1]",
            source=(
                "The Nonstochastic Multiarmed Bandit Problem (Auer, Cesa-Bianchi, Freund, "
                "Schapire, 2002); the modes are ours."
            ),
            beside="the last rewards of all arms" if self.tells == FULL else "",
            success="the arm of the last round is the best single arm in hindsight",
        )

    def oracle(self, row: int) -> Oracle:
        """Return what the best single arm of the rounds left pays."""
        first = int(self.elapsed[row])
        sums = self.drawn["table"][row, first : self.max_steps].sum(0, dtype=np.float64)
        whole = int(self.drawn["best"][row, 0])
        arm = int(sums.argmax()) if sums.max() > sums[whole] else whole
        left = self.max_steps - first
        return Oracle(
            kind="exact",
            optimal_return=float(sums[arm]),
            solution_length=left if arm == whole else None,
            actions=(arm,) * left,
            method="the best single arm in hindsight, which regret compares with; one may "
            "earn more by switching",
        )

    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        table = self._given
        if table is None:
            means = chances(self.mode, self.horizon, self._count, rng)
            table = (rng.random(means.shape) < means).astype(np.float64)
        fixed: Any = np.asarray(table, np.float32)  # half the memory; what is paid is these numbers
        best = float(fixed.sum(0, dtype=np.float64).argmax())
        return {"table": fixed, "best": np.array([best])}

    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:  # noqa: ARG002
        table, best = self.drawn["table"], self.drawn["best"][rows, 0].astype(np.int64)
        gain = table[rows, t, actions].astype(np.float64)
        return Payment(reward=gain, mean=gain, best=table[rows, t, best].astype(np.float64))

    def _succeeds(self, rows: Int, actions: npt.NDArray[Any], paid: Payment) -> Bool:  # noqa: ARG002
        best: Bool = actions == self.drawn["best"][rows, 0]
        return best

    def _gains(self, rows: Int, t: Int, luck: Float) -> Float:  # noqa: ARG002
        gains: Float = self.drawn["table"][rows, t]
        return gains

    def _shown_means(self, row: int) -> Float:
        means: Float = self.drawn["table"][row].mean(0, dtype=np.float64)
        return means


def chances(mode: str, rounds: int, arms: int, rng: np.random.Generator) -> Float:
    """Return the probabilities of a reward, (T, K); which arm plays which part is drawn.

    Args:
        mode: One of :data:`MODES`.
        rounds: T.
        arms: K.
        rng: Source of chance.
    """
    t = np.arange(rounds)
    parts = rng.permutation(arms)
    if mode == "stochastic":
        return np.broadcast_to(rng.random(arms), (rounds, arms)).copy()
    if mode == "sin":
        return 0.5 + 0.4 * np.sin(2 * np.pi * (2 * t[:, None] / rounds + parts / arms))
    means = np.full((rounds, arms), 0.4)
    if mode == "switch":
        means[t, parts[(4 * t // rounds) % arms]] = 0.8
        return means
    means[:, parts[1]] = 0.6
    means[:, parts[0]] = np.where(t < rounds // 2, 0.9, 0.1)
    return means


make, make_vector = makers(BanditAdversarial)
