"""What bandit worlds share: rounds, regret, what observations tell, features and pictures."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.arrays import section
from operant.envs.bandits.chance import Chance
from operant.envs.bandits.options import (
    FULL,
    HISTORY,
    NOTHING,
    choice,
    count,
    instance_seed_of,
)
from operant.envs.bandits.picture import draw_arms
from operant.envs.batched.world import BatchWorld, Outcome
from operant.types import Bool, Feature, Float, Int, Oracle

TIE = 1e-12
"""Means that differ by less are equally good."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """What a round pays to B rows.

    Attributes:
        reward: (B,) true rewards.
        mean: (B,) what the chosen arm pays on average.
        best: (B,) what the best arm pays on average.
        proxy: (B,) proxy rewards; None in worlds without.
    """

    reward: Float
    mean: Float
    best: Float
    proxy: Float | None = None


class BanditWorld(BatchWorld):
    """Arms with hidden payoffs, in N rows.

    A subclass draws instances (:meth:`_instance`), says what a round pays as a function of the
    instance and of numbers of chance (:meth:`_pay`), and may show something beside the history
    (:meth:`_beside`). Info: ``mean`` (of the chosen arm), ``best_mean``, ``regret`` (the sum of
    their differences so far: the pseudo-regret), and ``proxy_reward`` where there is one.

    Attributes:
        tells: What observations tell, the argument ``observe``.
        drawn: Name -> (N, ...) numbers of each row's instance.
        regret: (N,) pseudo-regret of the running episode.
        pulls: (N, K) how often each arm was chosen in it.
    """

    RENDER_MODES: ClassVar[tuple[str, ...]] = ("rgb_array", "ansi")
    TELLS: ClassVar[tuple[str, ...]] = (HISTORY, NOTHING)
    """Values of the argument ``observe``."""
    PROXY: ClassVar[bool] = False
    """Whether rounds pay a proxy too."""

    def __init__(
        self,
        *,
        num: int,
        max_steps: int,
        observe: str,
        instance_seed: int | None,
        **options: Any,
    ) -> None:
        """Check what all of them are asked.

        Args:
            num: Rows.
            max_steps: T, rounds of an episode.
            observe: ``"history"``, ``"nothing"``, and in some worlds ``"full"``.
            instance_seed: None for a new instance per episode, an integer for one that stays.
            **options: All other arguments of the subclass.

        Raises:
            ValueError: If an argument is outside its range; names it.
        """
        count("max_steps", max_steps, 1)
        super().__init__(
            num=num, max_steps=max_steps, observe=observe, instance_seed=instance_seed, **options
        )
        self.horizon = max_steps
        self.tells = choice("observe", observe, self.TELLS)
        self._instance_seed = instance_seed_of(instance_seed)
        self._all: Int = np.arange(num)

    def _set_up(
        self,
        *,
        arms: int,
        chance: Chance,
        reward_range: tuple[float, float],
        beside: int = 0,
        beside_range: tuple[float, float] = (0.0, 1.0),
        features: tuple[Feature, ...] = (),
        extras: Mapping[str, Float] | None = None,
        paid: bool = True,
    ) -> None:
        """Build the spaces and the arrays, and draw the instance if it stays.

        Args:
            arms: K; 0 for points of [0, 1].
            chance: Source of the rounds' chance.
            reward_range: Bounds of a paid reward.
            beside: Entries of an observation before the history.
            beside_range: Their bounds.
            features: Features beside the common ones.
            extras: Infos beside the common ones.
            paid: False if the proxy is paid.
        """
        self.arms, self._chance = arms, chance
        if arms:
            self.action_space = spaces.Discrete(arms)
        else:
            self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._besides = beside
        self.observation_space = self._space(max(arms, 1), reward_range, beside, beside_range)
        self.table = (*_common_features(arms, self.horizon), *features)
        zeros = {name: np.zeros(self.num) for name in ("mean", "best_mean", "regret")}
        if self.PROXY:
            zeros["proxy_reward"] = np.zeros(self.num)
        self.out = Outcome.zeros(
            self.num, self.observation_space, self.table, {**zeros, **(extras or {})}, paid=paid
        )
        self._paid = paid
        self.regret, self.pulls = np.zeros(self.num), np.zeros((self.num, max(arms, 1)), np.int64)
        self._before: Float = np.full(self.num, -1.0)
        seed = 0 if self._instance_seed is None else self._instance_seed
        first = self._instance(np.random.default_rng(seed))
        self.drawn = {name: np.repeat(part[None], self.num, 0) for name, part in first.items()}

    def _space(
        self, entries: int, reward: tuple[float, float], beside: int, bounds: tuple[float, float]
    ) -> spaces.Box:
        if self.tells == NOTHING and not beside:
            return spaces.Box(0.0, 1.0, (1,), np.float32)
        tail = 0 if self.tells == NOTHING else entries + 2
        low, high = np.zeros(beside + tail, np.float32), np.ones(beside + tail, np.float32)
        low[:beside], high[:beside] = bounds
        if tail:  # no reward was paid before the first round: 0 is always in
            low[-2], high[-2] = min(reward[0], 0.0), max(reward[1], 0.0)
        return spaces.Box(low, high, dtype=np.float32)

    # ---- what a world says ------------------------------------------------------------------

    @abc.abstractmethod
    def _instance(self, rng: np.random.Generator) -> dict[str, Float]:
        """Draw an instance: name -> numbers, of the same shapes every time."""

    @abc.abstractmethod
    def _pay(self, rows: Int, t: Int, actions: npt.NDArray[Any], luck: Float) -> Payment:
        """Return what rounds pay; nothing may change.

        Args:
            rows: (B,) rows; one may occur several times.
            t: (B,) their rounds, from 0 on.
            actions: (B, ...) their actions.
            luck: (B, W) numbers of chance.
        """

    def _best(self, rows: Int, t: Int, luck: Float) -> Int | None:  # noqa: ARG002
        """Return the best arms of rounds, (B,); None if arms are points."""
        best: Int = self.drawn["means"][rows].argmax(1)
        return best

    def _settle(self, rows: Int, actions: Int, luck: Float, paid: Payment) -> Payment:  # noqa: ARG002
        """Do what a round changes beside regret and counts, and return what is paid in the end."""
        return paid

    def _begin(self, rows: Int) -> None:
        """Start episodes in what a subclass keeps of them."""

    def _gains(self, rows: Int, t: Int, luck: Float) -> Float:
        """Return what every arm would have paid in rounds, (B, K); for ``observe="full"``."""
        raise NotImplementedError

    def _beside(self, rows: Int, started: bool) -> Float | None:  # noqa: ARG002
        """Return what observations show before the history, (B, W); None for nothing.

        Args:
            rows: The rows.
            started: False at the start of an episode.
        """
        return None

    def _own_features(self, rows: Int) -> dict[str, npt.NDArray[Any]]:  # noqa: ARG002
        """Return the features beside the common ones."""
        return {}

    # ---- rounds -----------------------------------------------------------------------------

    def oracle(self, row: int) -> Oracle:
        """Return what the best arm pays in the rounds left, with the chance of this episode.

        What an arm pays is a function of the round's chance and grows with its mean, so the best
        arm is also best in hindsight. On average over episodes it is T times the best mean.
        """
        t = np.arange(self.elapsed[row], self.max_steps)
        left = len(t)
        luck = self._chance.rest(row, int(self.elapsed[row]), self.max_steps, self.streams[row])
        rows = np.full(left, row)
        best = self._best(rows, t, luck)
        if best is None:
            raise NotImplementedError(f"{type(self).__name__} must say its own oracle")
        earned = float(self._pay(rows, t, best, luck).reward.sum())
        return Oracle(
            kind="exact",
            optimal_return=earned,
            solution_length=left,
            actions=tuple(best.tolist()),
            method="the best arm in every round, with the chance of this episode",
        )

    def _reset(self, rows: Int) -> None:
        self._draw_instances(rows)
        self._chance.restart(rows, self.streams)
        self.regret[rows], self.pulls[rows], self._before[rows] = 0.0, 0, -1.0
        for extra in self.out.extras.values():
            extra[rows] = 0
        self._begin(rows)
        self._tell(rows, None, np.zeros(len(rows)))
        features = self.out.features
        for name in ("round", "pulls", "moved"):
            features[name][rows] = 0
        features["arm" if self.arms else "point"][rows] = -1
        self._write(rows, self._own_features(rows))

    def _draw_instances(self, rows: Int) -> None:
        if self._instance_seed is None:
            for row in rows.tolist():
                for name, part in self._instance(self.streams[row]).items():
                    self.drawn[name][row] = part

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        t = self.elapsed[rows] - 1
        luck = self._chance.of(rows, t, len(rows) == self.num)
        acts: npt.NDArray[Any] = actions if self.arms else self._points(actions)
        paid = self._settle(rows, acts, luck, self._pay(rows, t, acts, luck))
        self.regret[rows] += paid.best - paid.mean
        self._judge(rows, acts, paid)
        every = self._gains(rows, t, luck) if self.tells == FULL else None
        self._advance(rows, t + 1)
        shown = paid.reward if self._paid or paid.proxy is None else paid.proxy
        self._tell(rows, acts, shown, every)
        self._note(rows, acts, t + 1)

    def _judge(self, rows: Int, actions: npt.NDArray[Any], paid: Payment) -> None:
        out = self.out
        out.true_reward[rows] = paid.reward
        if paid.proxy is not None:
            out.extras["proxy_reward"][rows] = paid.proxy
            if not self._paid:
                out.reward[rows] = paid.proxy
        out.success[rows] = self._succeeds(rows, actions, paid)
        out.extras["mean"][rows], out.extras["best_mean"][rows] = paid.mean, paid.best
        out.extras["regret"][rows] = self.regret[rows]

    def _succeeds(self, rows: Int, actions: npt.NDArray[Any], paid: Payment) -> Bool:  # noqa: ARG002
        """Return where the choice was a best one, (B,)."""
        good: Bool = paid.mean >= paid.best - TIE
        return good

    def _advance(self, rows: Int, t: Int) -> None:
        """Prepare the chance of the next round ``t``."""
        self._chance.advance(rows, t, self.streams)

    @staticmethod
    def _points(actions: npt.NDArray[Any]) -> Float:
        points: Float = (np.clip(actions.astype(np.float64)[:, 0], -1.0, 1.0) + 1) / 2
        return points

    def _tell(
        self,
        rows: Int,
        actions: npt.NDArray[Any] | None,
        reward: Float,
        every: Float | None = None,
    ) -> None:
        """Write observations: what stands beside, the last action, its reward, the time."""
        obs: Any = self.out.obs
        if self._besides:
            started = actions is not None
            obs[rows, : self._besides] = 0.0
            beside = self._beside(rows, started) if every is None else every
            if beside is not None:
                obs[rows, : self._besides] = beside
        if self.tells == NOTHING:
            return
        if not self.arms:
            obs[rows, -3] = 0.0 if actions is None else actions
        else:
            obs[rows, self._besides : self._besides + self.arms] = 0.0
            if actions is not None:
                obs[rows, self._besides + actions] = 1.0
        obs[rows, -2] = reward
        obs[rows, -1] = self.elapsed[rows] / self.horizon

    def _note(self, rows: Int, actions: npt.NDArray[Any], t: Int) -> None:
        """Count the pulls and write features."""
        features = self.out.features
        arms = actions if self.arms else np.zeros(len(rows), np.int64)
        self.pulls[rows, arms] += 1
        before = self._before[rows]
        moved = np.where(before < 0, 0.0, np.abs(actions - before))
        features["round"][rows] = t
        features["pulls"][rows] = self.pulls[rows, arms]
        features["moved"][rows] = moved > 0 if self.arms else moved
        features["arm" if self.arms else "point"][rows] = actions
        self._before[rows] = actions
        self._write(rows, self._own_features(rows))

    def _write(self, rows: Int, features: Mapping[str, npt.NDArray[Any]]) -> None:
        for name, values in features.items():
            self.out.features[name][rows] = values

    # ---- pictures and state -----------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle with the number of rounds it was built for, also where they were cut."""
        rebuilt, (kind, arguments, state) = super().__reduce__()
        return _restored, (
            rebuilt,
            kind,
            {**arguments, "max_steps": self.horizon},
            state,
            self.max_steps,
        )

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the arms as bars: what they pay on average, and how often they were chosen."""
        means = self._shown_means(row)
        share = self.pulls[row] / max(1, int(self.elapsed[row]))
        return draw_arms(means, share if self.arms else None, float(self._before[row]))

    def text(self, row: int) -> str:
        """Return the last round in words."""
        last = self._before[row]
        chosen = "nothing yet" if last < 0 else f"{'arm' if self.arms else 'point'} {last:g}"
        return (
            f"round {self.elapsed[row]} of {self.max_steps}: {chosen}, "
            f"reward {self.out.reward[row]:.3g}, regret {self.regret[row]:.3f}"
        )

    def _shown_means(self, row: int) -> Float:
        means: Float = self.drawn["means"][row]
        return means

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        drawn = {f"drawn/{name}": part.copy() for name, part in self.drawn.items()}
        return {
            "chance": self._chance.get_state(),
            "regret": self.regret.copy(),
            "pulls": self.pulls.copy(),
            "before": self._before.copy(),
            **drawn,
        }

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self._chance.set_state(state["chance"])
        self.regret[:], self.pulls[:] = state["regret"], state["pulls"]
        self._before[:] = state["before"]
        for name, part in section(state, "drawn").items():
            self.drawn[name][...] = part


def _restored(
    rebuilt: Any, kind: type[BanditWorld], arguments: dict[str, Any], state: Any, limit: int
) -> BanditWorld:
    world: BanditWorld = rebuilt(kind, arguments, state)
    world.cut(limit)
    return world


def _common_features(arms: int, rounds: int) -> tuple[Feature, ...]:
    last = (
        Feature(name="arm", description="arm of the last round", low=-1, high=arms - 1, dtype="int")
        if arms
        else Feature(name="point", description="point of the last round", low=-1.0, high=1.0)
    )
    moved = (
        Feature(name="moved", description="another arm than before", low=0, high=1, dtype="bool")
        if arms
        else Feature(name="moved", description="distance from the point before", low=0.0, high=1.0)
    )
    return (
        last,
        Feature(
            name="round",
            description="rounds played",
            low=0,
            high=rounds,
            unit="rounds",
            dtype="int",
        ),
        Feature(
            name="pulls",
            description="rounds in which the last arm was chosen"
            if arms
            else "rounds in which a point was chosen",
            low=0,
            high=rounds,
            unit="rounds",
            dtype="int",
        ),
        moved,
    )
