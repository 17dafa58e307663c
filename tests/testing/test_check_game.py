from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pettingzoo")

from operant.envs import multiagent
from operant.envs.multiagent.aec import GameEnv
from operant.envs.multiagent.chance import RowDraws
from operant.envs.multiagent.kuhn_poker import KuhnPoker
from operant.envs.multiagent.leduc_poker import LeducPoker
from operant.envs.multiagent.tic_tac_toe import TicTacToe
from operant.errors import ContractError
from operant.testing import GAME_RULES, check_game


class Sound(GameEnv):
    """Kuhn poker, to be broken in one place each."""

    def __init__(self) -> None:
        super().__init__(KuhnPoker())


class GlobalChance(Sound):
    def reset(self, seed: int | None = None, options: Any = None) -> None:
        super().reset(random.randrange(2**31))


class DeafToSeeds(Sound):
    def reset(self, seed: int | None = None, options: Any = None) -> None:
        super().reset(7 if seed is not None else None)


class Reseeding(Sound):
    def reset(self, seed: int | None = None, options: Any = None) -> None:
        super().reset(int(np.random.SeedSequence().entropy) % 2**31 if seed is None else seed)


class Aliasing(Sound):
    def observe(self, agent: str) -> Any:
        seen = super().observe(agent)
        self.kept = getattr(self, "kept", {})
        kept = self.kept.setdefault(agent, seen)
        for key, value in seen.items():
            kept[key][...] = value
        return kept


class Rake(Sound):
    def _pay(self, payoff: Any) -> None:
        super()._pay([value - 0.1 * (value > 0) for value in payoff])


class Roleless(Sound):
    def _pay(self, payoff: Any) -> None:
        super()._pay(payoff)
        for info in self.infos.values():
            del info["role"]


class WrongDtype(Sound):
    def observe(self, agent: str) -> Any:
        seen = super().observe(agent)
        return {**seen, "observation": seen["observation"].astype(np.float64)}


class EverybodyMayMove(Sound):
    def observe(self, agent: str) -> Any:
        return {**super().observe(agent), "action_mask": np.ones(2, np.int8)}


class Lenient(Sound):
    def step(self, action: Any, *, agent: str | None = None) -> None:
        super().step(0 if action == "x" else action, agent=agent)


class ForgetfulCopy(Sound):
    """Copies draw other cards than the original."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _draws=RowDraws(1))


class Charity(GameEnv):
    """An illegal move is rewarded."""

    def __init__(self) -> None:
        super().__init__(TicTacToe())

    def _refuse(self, mover: str, move: int) -> None:
        super()._refuse(mover, move)
        self._pay([1.0, 1.0])


@pytest.mark.parametrize(
    ("faulty", "rule"),
    [
        (GlobalChance, "equal_seeds_equal_traces"),
        (DeafToSeeds, "different_seeds_differ"),
        (Reseeding, "equal_seeds_equal_traces"),
        (Aliasing, "nothing_is_shared"),
        (Rake, "zero_sum"),
        (Roleless, "infos"),
        (WrongDtype, "in_its_spaces"),
        (EverybodyMayMove, "only_who_moves_may_move"),
        (Lenient, "impossible_actions_raise"),
        (ForgetfulCopy, "copies_have_the_same_future"),
        (Charity, "illegal_moves"),
    ],
)
def test_what_is_broken_is_found(faulty: type[GameEnv], rule: str) -> None:
    with pytest.raises(ContractError, match=f"rule '{rule}' is broken"):
        check_game(faulty, moves=30, zero_sum=True, deterministic=faulty is Charity)


class Batch:
    """A batch that passes on what it is asked, to be broken in one place each."""

    def __init__(self, num: int) -> None:
        self.inner = multiagent.make_batch("LeducPoker-v0", num)

    def __getattr__(self, name: str) -> Any:
        if name in ("inner", "get_state") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def reset(self, seeds: Any) -> None:
        self.inner.reset(seeds)

    def step(self, actions: Any) -> Any:
        return self.inner.step(actions)


class OneSeed(Batch):
    def reset(self, seeds: Any) -> None:
        self.inner.reset([seeds[0] + row for row in range(len(seeds))])


class Clipping(Batch):
    def step(self, actions: Any) -> Any:
        fine = self.legal[np.arange(self.num), np.clip(actions, 0, 2).astype(int)]
        return self.inner.step(np.where(fine, actions, self.legal.argmax(1)))


class Int32(Batch):
    @property
    def turn(self) -> Any:
        return self.inner.turn.astype(np.int32)


@pytest.mark.parametrize(
    ("faulty", "rule"),
    [
        (OneSeed, "batch_rows_equal_single_games"),
        (Clipping, "batch_refusals"),
        (Int32, "batch_attributes"),
    ],
)
def test_what_is_broken_in_a_batch_is_found(faulty: type[Batch], rule: str) -> None:
    check = {"moves": 25, "zero_sum": True}
    check_game(lambda: GameEnv(LeducPoker()), make_batch=Batch, **check)
    with pytest.raises(ContractError, match=f"rule '{rule}' is broken"):
        check_game(lambda: GameEnv(LeducPoker()), make_batch=faulty, **check)


def test_claims_are_checked() -> None:
    with pytest.raises(ContractError, match="'different_seeds_differ' is broken: seeds make a"):
        check_game(Sound, moves=40, deterministic=True)
    check_game(Sound, moves=40, skip={"infos": "for the sake of the argument"})
    with pytest.raises(ValueError, match="moves must be >= 20, got 3"):
        check_game(Sound, moves=3)
    assert len({rule.__name__ for rule in GAME_RULES}) == len(GAME_RULES)
