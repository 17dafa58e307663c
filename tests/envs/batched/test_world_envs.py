"""The two envs that every world in rows gets, on the smallest world that uses all of them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from operant.envs.batched.makers import makers
from operant.envs.batched.scalar import WorldEnv
from operant.envs.batched.vector import WorldVectorEnv
from operant.envs.batched.world import BatchWorld, Outcome
from operant.testing import check_env, check_vector_env
from operant.types import Card, Feature, Int


class Drift(BatchWorld):
    """A point that is pushed and blown about; home is beyond 3, the cliff below -2."""

    REWARDS = ("noisy",)
    OFFERS = frozenset({"wind"})
    RENDER_MODES = ("rgb_array", "ansi", "human")
    wind = 0.1

    def __init__(
        self, *, num: int = 1, max_steps: int = 30, discrete: bool = False, reward: str = ""
    ) -> None:
        super().__init__(num=num, max_steps=max_steps, discrete=discrete, reward=reward)
        box = spaces.Box(-10.0, 10.0, (2,), np.float32)
        self.observation_space = spaces.Dict(near=box, far=spaces.Box(0, 9, (2, 2), np.int64))
        self.action_space = (
            spaces.Discrete(3, start=-1) if discrete else spaces.Box(-1.0, 1.0, (1,), np.float32)
        )
        self.table = (
            Feature(name="x", description="place", low=-10, high=10, unit="m"),
            Feature(name="pair", description="twice the place", low=-10, high=10, shape=(2,)),
        )
        winds = {"gust": np.zeros(num), "grid": np.zeros((num, 2), np.int64)}
        self.out = Outcome.zeros(
            num, self.observation_space, self.table, winds, paid=reward != "noisy"
        )
        self.x = np.zeros(num)

    def card(self, env_id: str) -> Card:
        return Card(
            id=env_id,
            description="drift",
            observation="place",
            action="push",
            reward="1 at home",
            termination="home, cliff",
            truncation="time",
            success="home",
            metric="success",
            oracle="none",
            features=self.table,
        )

    def _reset(self, rows: Int) -> None:
        for row in rows:
            self.x[row] = self.streams[row].uniform(-1, 1)
        self._show(rows)

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        push = actions.reshape(len(rows)).astype(np.float64)
        gust = np.array([self.streams[row].normal(0, self.wind) for row in rows])
        self.x[rows] = np.clip(self.x[rows] + push + gust, -10, 10)
        out = self.out
        out.success[rows] = self.x[rows] > 3
        out.terminated[rows] = out.success[rows] | (self.x[rows] < -2)
        out.true_reward[rows] = out.success[rows]
        if out.reward is not out.true_reward:
            out.reward[rows] = out.true_reward[rows] + gust
        out.extras["gust"][rows] = gust
        out.extras["grid"][rows] = np.round(self.x[rows, None])
        self._show(rows)

    def _show(self, rows: Int) -> None:
        out = self.out
        assert isinstance(out.obs, dict)
        out.obs["near"][rows] = self.x[rows, None]
        out.obs["far"][rows] = np.clip(np.abs(self.x[rows]), 0, 9).astype(int)[:, None, None]
        out.features["x"][rows] = self.x[rows]
        out.features["pair"][rows] = self.x[rows, None]

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        picture = np.zeros((8, 8, 3), np.uint8)
        picture[int(self.x[row]) % 8] = 255
        return picture

    def text(self, row: int) -> str:
        return f"x = {self.x[row]:.3f}"

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        return {"x": self.x.copy()}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self.x[:] = state["x"]


make, make_vector = makers(Drift)


@pytest.mark.integration
@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("reward", ["step", "delayed"])
def test_the_scalar_env_keeps_every_rule(discrete: bool, reward: str) -> None:
    def build(**kwargs: Any) -> gym.Env[Any, Any]:
        return make(discrete=discrete, reward=reward, **kwargs)

    check_env(build, steps=200, subprocess=False)


@pytest.mark.integration
@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("reward", ["step", "delayed"])
def test_rows_are_scalar_envs_in_every_mode(discrete: bool, reward: str) -> None:
    def build(num_envs: int, **kwargs: Any) -> Any:
        return make_vector(num_envs=num_envs, discrete=discrete, reward=reward, **kwargs)

    check_vector_env(
        build, scalar=lambda: make(discrete=discrete, reward=reward), num_envs=3, steps=150
    )


def test_another_reward_leaves_the_true_one_in_the_info() -> None:
    env = make(reward="noisy")
    env.reset(seed=0)
    paid = [env.step(np.array([0.0], np.float32)) for _ in range(5)]
    assert all(reward != info["true_reward"] == 0.0 for _, reward, _, _, info in paid)
    with pytest.raises(ValueError, match="'noisy'"):
        make(reward="loud")


def test_an_outer_limit_cuts_rows_as_gymnasiums_wrapper_does() -> None:
    envs = make_vector(num_envs=2, max_episode_steps=4, autoreset_mode=AutoresetMode.DISABLED)
    envs.reset(seed=0)
    still = np.zeros((2, 1), np.float32)
    ends = [envs.step(still)[3].tolist() for _ in range(4)]
    assert ends == [[False, False]] * 3 + [[True, True]]


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_vector_envs_are_copied_in_the_middle(clone: Any) -> None:
    envs = WorldVectorEnv(Drift(num=3))
    envs.reset(seed=5)
    push = np.full((3, 1), 0.4, np.float32)
    for _ in range(6):
        envs.step(push)
    twin = clone(envs)
    for _ in range(40):
        one, other = envs.step(push), twin.step(push)
        np.testing.assert_array_equal(one[0]["near"], other[0]["near"])
        np.testing.assert_array_equal(one[1], other[1])


def test_bad_actions_are_named_and_move_nothing() -> None:
    env, envs = make(), make_vector(num_envs=2)
    env.reset(seed=0)
    envs.reset(seed=0)
    for bad in ([np.nan], [0.0, 1.0], "left"):
        with pytest.raises(ValueError, match="action"):
            env.step(bad)
    with pytest.raises(ValueError, match=r"actions must have shape \(2, 1\), got \(3, 1\)"):
        envs.step(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="finite"):
        envs.step(np.array([[0.0], [np.inf]]))
    chosen = make(discrete=True)
    chosen.reset(seed=0)
    with pytest.raises(ValueError, match="unknown action 2"):
        chosen.step(2)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="num and max_steps must be >= 1"):
        Drift(num=0)
    with pytest.raises(ValueError, match="render_mode"):
        WorldEnv(Drift(), render_mode="hologram")
    with pytest.raises(ValueError, match="render_mode"):
        WorldVectorEnv(Drift(num=2), render_mode="ansi")
    envs = WorldVectorEnv(Drift(num=2))
    with pytest.raises(ValueError, match="reset_mask"):
        envs.reset(options={"reset_mask": np.array([True])})
    with pytest.raises(ValueError, match="the only reset option"):
        envs.reset(options={"level": 3})
    with pytest.raises(ValueError, match="first reset"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.zeros((2, 1)))
    with pytest.raises(ValueError, match="the state has 2 rows"):
        Drift(num=3).set_state(Drift(num=2).get_state())


def test_offers_are_seen_on_both_envs_and_nothing_else() -> None:
    assert make().wind == make_vector(num_envs=1).wind == 0.1
    with pytest.raises(AttributeError, match="x"):
        _ = make().x
