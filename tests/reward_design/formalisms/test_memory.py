from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import operant
from operant.errors import OperantError
from operant.reward_design.formalisms.episode_return import (
    ReturnObservation,
    ReturnVectorObservation,
)
from operant.reward_design.formalisms.logic import FormulaError
from operant.reward_design.formalisms.reward_machine import (
    MachineObservation,
    MachineVectorObservation,
)

ENV = "SparseKey-5x5-v0"
MACHINE = """\
initial calm
calm  -> armed: has_key
armed -> calm:  !has_key & agent_direction != 0
armed -> east:  agent_direction == 0
east  -> armed: agent_direction != 0
"""
WRAPPERS = {
    "machine": (
        lambda env: MachineObservation(env, MACHINE),
        lambda env: MachineVectorObservation(env, MACHINE),
    ),
    "return": (
        lambda env: ReturnObservation(env, discount=0.5, design="naive", terms=["env", "has_key"]),
        lambda env: ReturnVectorObservation(
            env, discount=0.5, design="naive", terms=["env", "has_key"]
        ),
    ),
}


class Script:
    """Plays actions that pick keys up and drop them, much faster than at random."""

    def __init__(self, rows, seed):
        self.rng, self.rows = np.random.default_rng(seed), rows

    def act(self):
        return self.rng.choice([0, 1, 2, 2, 3, 4], size=self.rows)


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_rows_show_what_scalar_envs_show(name, mode):
    """In all three conventions of autoreset, final observations included."""
    one, many = WRAPPERS[name]
    envs = many(gym.make_vec(ENV, num_envs=3, max_steps=20, autoreset_mode=mode))
    obs, _ = envs.reset(seed=5)
    assert envs.observation_space.contains(obs)
    singles = [one(gym.make(ENV, max_steps=20)) for _ in range(3)]
    shown = [env.reset(seed=5 + i)[0][name] for i, env in enumerate(singles)]
    assert np.array_equal(obs[name], shown)
    script, pending, seen = Script(3, 0), np.zeros(3, np.bool_), set()
    for _ in range(90):
        if mode is AutoresetMode.DISABLED and pending.any():
            obs, _ = envs.reset(options={"reset_mask": pending.copy()})
            for i in np.flatnonzero(pending):
                shown[i] = singles[i].reset()[0][name]
                assert np.array_equal(obs[name][i], shown[i])
            pending[:] = False
        actions = script.act()
        obs, _, terminated, truncated, infos = envs.step(actions)
        for i, env in enumerate(singles):
            if pending[i]:  # the pseudo-step of NEXT_STEP
                assert np.array_equal(obs[name][i], env.reset()[0][name])
                continue
            last, _, *ends, _ = env.step(int(actions[i]))
            assert ends == [terminated[i], truncated[i]]
            seen.add(tuple(last[name].tolist()))
            if any(ends) and mode is AutoresetMode.SAME_STEP:
                assert np.array_equal(infos["final_obs"][i][name], last[name])
                assert np.array_equal(infos["final_obs"][i]["image"], last["image"])
                last = env.reset()[0]
            assert np.array_equal(obs[name][i], last[name])
        if mode is not AutoresetMode.SAME_STEP:
            pending = terminated | truncated
    assert len(seen) >= 3


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_saved_state_goes_on_the_same(name):
    envs = [WRAPPERS[name][1](gym.make_vec(ENV, num_envs=4, max_steps=15)) for _ in range(2)]
    script = Script(4, 1)
    for env in envs:
        env.reset(seed=3)
    for _ in range(12):
        envs[0].step(script.act())
    envs[1].set_state(envs[0].get_state())
    for _ in range(30):
        actions = script.act()
        shown = [env.step(actions)[0][name] for env in envs]
        assert np.array_equal(*shown)


def test_a_scalar_env_can_be_saved_and_made_again_from_its_spec():
    env = MachineObservation(gym.make(ENV), MACHINE)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    for each in (env, again):
        each.reset(seed=0)
    for action in (2, 3, 1, 2):
        env.step(action)
    again.set_state(env.get_state())
    for action in (2, 4, 0, 3):
        assert np.array_equal(env.step(action)[0]["machine"], again.step(action)[0]["machine"])


def test_flat_observations_grow_and_others_become_dicts(corridor, chain):
    machine = "initial left\nleft -> right: lit\nright -> left: !lit"
    env = MachineObservation(corridor(), machine)
    assert env.observation_space.shape == (4,)
    assert env.observation_space.dtype == np.float32
    obs, _ = env.reset(seed=0)
    assert (obs[2:] == [1, 0]).all()
    assert env.observation_space.contains(obs)
    mixed = MachineObservation(corridor(as_dict=True), machine)
    assert set(mixed.observation_space.spaces) == {"cell", "parity", "machine"}
    discrete = MachineObservation(
        chain([0.0] * 3, terminated=True, truncated=False), "initial a\na -> b: state >= 2"
    )
    assert set(discrete.observation_space.spaces) == {"observation", "machine"}
    assert discrete.reset()[0]["observation"] == 0
    assert [discrete.step(0)[0]["machine"].tolist() for _ in range(2)] == [[1, 0], [0, 1]]


def test_gymnasiums_own_vector_envs_work(corridor):
    machine = "initial left\nleft -> right: lit\nright -> left: !lit"
    envs = MachineVectorObservation(SyncVectorEnv([corridor] * 2), machine)
    obs, infos = envs.reset(seed=0)
    assert envs.observation_space.shape == (2, 4)
    for _ in range(30):
        obs, *_, infos = envs.step(np.array([1, 0]))
        assert envs.observation_space.contains(obs)
        lit = np.asarray(infos["features"]["lit"]) == 1
        fresh = obs[:, 2] == 1  # a reset shows the initial state, whatever the features
        assert (obs[~fresh, 3] == 1).all()
        assert lit[~fresh].all()


def test_the_return_is_that_of_the_true_reward(chain):
    env = ReturnObservation(chain([1.0, 2.0, 4.0], terminated=True, truncated=False), discount=0.5)
    shown = [env.reset()[0]["return"].tolist()]
    shown += [env.step(0)[0]["return"].tolist() for _ in range(3)]
    assert shown == [[0, 0], [1, 1], [2, 2], [3, 3]]
    assert env.reset()[0]["return"].tolist() == [0, 0]


@pytest.mark.parametrize("wrap", [pair[0] for pair in WRAPPERS.values()])
def test_a_designed_env_is_refused(wrap):
    shaped = operant.shape(gym.make(ENV), "none", gamma=0.9)
    with pytest.raises(OperantError, match="append the memory to the plain env"):
        wrap(shaped)


def test_a_key_that_is_taken_is_refused():
    env = MachineObservation(gym.make(ENV), MACHINE)
    with pytest.raises(ValueError, match="has a key 'machine' already"):
        MachineObservation(env, MACHINE)


def test_an_env_without_the_features_is_refused():
    with pytest.raises(FormulaError, match="line 2, column 17: unknown feature 'has_key'"):
        MachineObservation(gym.make("CartPole-v1"), MACHINE)
