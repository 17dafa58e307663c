"""Each rule of check_vector_env catches the fault it is meant for."""

from __future__ import annotations

import copy
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.world import STEPS
from operant.errors import ContractError
from operant.testing import VECTOR_RULES, check_vector_env
from operant.testing._rows import Row, VectorSubject, info_of, write_script

ID = "SparseKey-5x5-v0"


def scalar() -> gym.Env:
    return gym.make(ID, max_steps=40, disable_env_checker=True)


class Rows(SyncVectorEnv):
    """Gymnasium's own vector env; strict about batches, as our rules demand."""

    def __init__(
        self, *, num_envs: int, autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP
    ) -> None:
        super().__init__([scalar] * num_envs, autoreset_mode=autoreset_mode)
        # SyncVectorEnv writes the mode into the metadata that all its scalar envs share.
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}

    def step(self, actions):
        if len(actions) != self.num_envs:
            raise ValueError("wrong number of actions")
        return super().step(actions)

    def get_state(self):
        rows = [env.unwrapped.get_state() for env in self.envs]
        return [*rows, copy.deepcopy(self._env_obs), self._autoreset_envs.copy()]

    def set_state(self, state):
        *rows, self._env_obs, pending = copy.deepcopy(state)
        for env, own in zip(self.envs, rows, strict=True):
            env.unwrapped.set_state(own)
        self._autoreset_envs = pending


class IgnoresMode(Rows):
    def __init__(self, *, num_envs, autoreset_mode=None):
        super().__init__(num_envs=num_envs)


class NamesModeByString(Rows):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.metadata["autoreset_mode"] = "NextStep"


class WidensSpace(Rows):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.single_action_space = gym.spaces.Discrete(8)


class PaysFloat32(Rows):
    def step(self, actions):
        obs, rewards, *rest = super().step(actions)
        return obs, rewards.astype(np.float32), *rest


class SeedsAllRowsAlike(Rows):
    def reset(self, *, seed=None, options=None):
        seed = [seed] * self.num_envs if isinstance(seed, int) else seed
        return super().reset(seed=seed, options=options)


class ReseedsWithoutSeed(Rows):
    def reset(self, *, seed=None, options=None):
        masked = bool(options and "reset_mask" in options)
        return super().reset(seed=7 if seed is None and not masked else seed, options=options)


class RestartsCounterOfNeighbour(Rows):
    """When another row ends, row 0 starts to count its steps anew: its time limit comes late."""

    def step(self, actions):
        result = super().step(actions)
        if (result[2] | result[3])[1:].any():
            self.envs[0].unwrapped.simulator.world.agent[0, STEPS] = 0
        return result


class AutoresetReusesSeed(Rows):
    def step(self, actions):
        result = super().step(actions)
        if (result[2] | result[3]).any():
            for env in self.envs:
                env.unwrapped.simulator.seed([5])
        return result


class ShowsResetObsAsFinal(Rows):
    def step(self, actions):
        obs, *rest, infos = super().step(actions)
        for i in np.flatnonzero(infos.get("_final_obs", [])):
            infos["final_obs"][i] = {key: value[i].copy() for key, value in obs.items()}
        return obs, *rest, infos


class ShowsResetInfoAsFinal(Rows):
    def step(self, actions):
        *rest, infos = super().step(actions)
        if "final_info" in infos:
            infos["final_info"]["features"] = copy.deepcopy(infos["features"])
        return *rest, infos


class PaysPseudoStep(Rows):
    def step(self, actions):
        due = self._autoreset_envs.copy()
        obs, rewards, *rest = super().step(actions)
        return obs, rewards + due * 0.5, *rest


class DropsSuccessMask(Rows):
    def step(self, actions):
        *rest, infos = super().step(actions)
        infos.pop("success", None)
        infos.pop("_success", None)
        return *rest, infos


class SeedsUnmaskedRows(Rows):
    def reset(self, *, seed=None, options=None):
        if isinstance(seed, int) and options:
            for i, env in enumerate(self.envs):
                env.unwrapped.simulator.seed([seed + i])
        return super().reset(seed=seed, options=options)


class ReturnsItsBuffer(Rows):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.copy = False


class TakesShortBatches(Rows):
    def step(self, actions):
        padded = np.zeros(self.num_envs, np.int64)
        padded[: len(actions)] = actions
        return super().step(padded)


class WrapsActionsAround(Rows):
    def step(self, actions):
        return super().step(actions % 7)


class RevivesEndedRows(Rows):
    def step(self, actions):
        if self.autoreset_mode is AutoresetMode.DISABLED and self._autoreset_envs.any():
            self.reset(options={"reset_mask": self._autoreset_envs.copy()})
        return super().step(actions)


class SavesNoPendingResets(Rows):
    def set_state(self, state):
        super().set_state([*state[:-1], np.zeros(self.num_envs, np.bool_)])


class SavesNoGenerators(Rows):
    def set_state(self, state):
        kept = [env.unwrapped.simulator.world.rng.copy() for env in self.envs]
        super().set_state(state)
        for env, rng in zip(self.envs, kept, strict=True):
            env.unwrapped.simulator.world.rng[...] = rng


class EndsTeamsApart(Rows):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.groups = np.zeros(self.num_envs, int)


class ClosesOnce(Rows):
    def close(self, **kwargs):
        if self.closed:
            raise RuntimeError("closed already")
        super().close(**kwargs)


FAULTS = {
    IgnoresMode: "modes_as_asked",
    NamesModeByString: "modes_as_asked",
    WidensSpace: "spaces_batched",
    PaysFloat32: "dtypes",
    SeedsAllRowsAlike: "seed_argument",
    ReseedsWithoutSeed: "seed_argument",
    RestartsCounterOfNeighbour: "rows_equal_scalars",
    AutoresetReusesSeed: "rows_equal_scalars",
    ShowsResetObsAsFinal: "rows_equal_scalars",
    ShowsResetInfoAsFinal: "rows_equal_scalars",
    PaysPseudoStep: "rows_equal_scalars",
    DropsSuccessMask: "rows_equal_scalars",
    SeedsUnmaskedRows: "masked_reset_spares_others",
    ReturnsItsBuffer: "no_aliasing",
    TakesShortBatches: "refusals",
    WrapsActionsAround: "refusals",
    RevivesEndedRows: "disabled_needs_reset",
    SavesNoGenerators: "state_round_trip",
    SavesNoPendingResets: "state_round_trip",
    EndsTeamsApart: "teams_end_together",
    ClosesOnce: "close_twice",
}
CRASHES = (ReturnsItsBuffer, SavesNoPendingResets)
"""These raise errors of their own inside the rule."""


def _check(env, **kwargs):
    check_vector_env(env, scalar=scalar, num_envs=3, steps=100, **kwargs)


@pytest.mark.integration
def test_gymnasiums_own_vector_env_passes() -> None:
    _check(Rows)


@pytest.mark.integration
@pytest.mark.parametrize(("fault", "rule"), FAULTS.items(), ids=lambda x: getattr(x, "__name__", x))
def test_fault_is_caught_by_its_rule(fault: type[Rows], rule: str) -> None:
    how = "could not finish" if fault in CRASHES else "is broken"
    with pytest.raises(ContractError, match=rf"rule '{rule}' {how}: .* Fix: "):
        _check(fault)


def test_cartpoles_native_vector_env_is_honestly_refused() -> None:
    """Gymnasium's own example of a native vector env draws all rows from one generator."""
    only = {rule.__name__.removeprefix("rule_"): "another test" for rule in VECTOR_RULES}
    for rule in ("rows_equal_scalars", "equals_sync_vector_env", "seed_argument", "dtypes"):
        skip = {name: why for name, why in only.items() if name != rule}
        with pytest.raises(ContractError, match=f"CartPole-v1: rule '{rule}' is broken"):
            check_vector_env("CartPole-v1", num_envs=3, steps=100, skip=skip)
    kept = {"modes_as_asked", "spaces_batched", "no_aliasing", "refusals", "close_twice"}
    skip = {name: why for name, why in only.items() if name not in kept}
    check_vector_env("CartPole-v1", num_envs=3, steps=100, skip=skip)


def test_scripts_end_episodes_of_rows_at_different_times() -> None:
    """Otherwise the comparison would never see one row end beside a running one."""
    subject = VectorSubject(
        name=ID, make=Rows, make_scalar=scalar, modes=(), num_envs=3, steps=200, seed=0
    )
    script = write_script(subject, AutoresetMode.SAME_STEP)
    ends = np.array([[shown.final_obs is not None for shown in turn.shown] for turn in script])
    successes = [
        shown.final_info["success"]
        for turn in script
        for shown in turn.shown
        if shown.final_info is not None
    ]
    assert (ends.sum(axis=0) >= 2).all()
    assert (ends.any(axis=1) & ~ends.all(axis=1)).any()
    assert True in successes
    assert False in successes


def test_next_step_row_shows_reset_without_reward() -> None:
    row = Row(scalar(), AutoresetMode.NEXT_STEP, 0)
    row.reset(seed=3)
    shown = row.step(6)
    while not (shown.terminated or shown.truncated):
        shown = row.step(6)
    pseudo = row.step(2)
    assert (pseudo.reward, pseudo.terminated, pseudo.truncated) == (0.0, False, False)
    assert "true_reward" not in pseudo.info


def test_info_of_respects_masks_at_every_depth() -> None:
    infos = {
        "a": np.array([1, 2]),
        "_a": np.array([True, False]),
        "b": {"c": np.array([3, 4]), "_c": np.array([False, True])},
        "_b": np.array([True, True]),
    }
    assert info_of(infos, 0) == {"a": 1, "b": {}}
    assert info_of(infos, 1) == {"b": {"c": 4}}


def test_an_id_may_name_the_module_that_registers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own_levels.py").write_text(
        "import gymnasium as gym\n"
        "from operant.envs.gridworld.worlds import empty\n"
        "gym.register('My-Empty-v0', entry_point=empty.make,"
        " vector_entry_point=empty.make_vector, kwargs={'size': 5})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    check_vector_env("my_own_levels:My-Empty-v0", num_envs=2, steps=100)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="scalar must be given"):
        check_vector_env(Rows)
    with pytest.raises(ValueError, match="num_envs must be >= 1"):
        check_vector_env(ID, num_envs=0)
    with pytest.raises(ValueError, match="no vector env of its own"):
        check_vector_env("MountainCar-v0")
