"""Players that act at once, as rows of one policy and in threads of their own."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from operant.agents.games.independent import IndependentPPO, shared_ppo
from operant.agents.games.shared import SharedPPO
from operant.agents.games.simultaneous import PlayerRows, Rendezvous, SharedRows
from operant.agents.native.config import PPOConfig
from operant.wrapping import has_state

SMALL = PPOConfig(
    n_steps=8, batch_size=4096, n_epochs=4, learning_rate=0.01, net_arch=(16,), deduplicate=False
)


class Errands:
    """Two go to one of three shops: (N, 2) observations tell who shall be where.

    Each is paid 1 for the own shop, shown as one number, and both lose 1 if they meet. Games are
    cut after four rounds.
    """

    num, players = 32, 2
    observation_space = gym.spaces.Box(0.0, 1.0, (3,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def __init__(self) -> None:
        self.obs = self.last_obs = np.zeros((self.num, 2, 3), np.float32)
        self.clock, self.taken = np.zeros(self.num, np.int64), []

    def reset(self, seeds: Sequence[int]) -> None:
        self.rngs = [np.random.default_rng(seed) for seed in seeds]
        self.clock[:] = 0
        self._deal()

    def _deal(self) -> None:
        shops = np.stack([rng.permutation(3)[:2] for rng in self.rngs])
        self.obs = np.eye(3, dtype=np.float32)[shops]

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.taken.append(actions.copy())
        right = np.take_along_axis(self.obs, actions[..., None], 2)[..., 0]
        met = actions[:, 0] == actions[:, 1]
        self.clock += 1
        cut = self.clock == 4
        self.clock[cut] = 0
        self.last_obs = self.obs.copy()
        self._deal()
        return right.astype(float) - met[:, None], np.zeros(self.num, np.bool_), cut


class SavedErrands(Errands):
    def get_state(self) -> dict[str, np.ndarray]:
        words = [np.frombuffer(repr(r.bit_generator.state).encode(), np.uint8) for r in self.rngs]
        size = max(map(len, words))
        rngs = np.stack([np.pad(word, (0, size - len(word)), constant_values=32) for word in words])
        return {"obs": self.obs, "clock": self.clock, "rngs": rngs}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.obs, self.clock = state["obs"].copy(), state["clock"].copy()
        self.rngs = [np.random.default_rng() for _ in range(self.num)]
        for rng, word in zip(self.rngs, state["rngs"], strict=True):
            rng.bit_generator.state = ast.literal_eval(word.tobytes().decode().strip())


def worth(act: Any, games: Errands) -> float:
    games.reset(range(1000, 1000 + games.num))
    paid = [games.step(act(games.obs))[0].mean() for _ in range(20)]
    return float(np.mean(paid))


def test_rows_are_players_of_games() -> None:
    games = Errands()
    env = SharedRows(games)
    obs, infos = env.reset(seed=3)
    assert env.num_envs == 64
    assert obs.shape == (64, 5)
    assert (obs[:, :3] == games.obs.reshape(64, 3)).all()
    assert (obs[0::2, 3:] == [1, 0]).all()
    assert (obs[1::2, 3:] == [0, 1]).all()
    assert infos["role"].tolist() == [0, 1] * 32
    actions = np.arange(64) % 3
    for step in range(4):
        _, rewards, ended, cut, infos = env.step(actions)
        assert rewards.shape == (64,)
        assert not ended.any()
        assert cut.all() == ("final_obs" in infos) == (step == 3)
    assert (games.taken[0] == actions.reshape(32, 2)).all()


def test_a_seed_starts_the_same_games_for_both_forms() -> None:
    one, other = Errands(), Errands()
    SharedRows(one).reset(seed=5)
    other.reset(range(5, 37))
    assert (one.obs == other.obs).all()
    with pytest.raises(ValueError, match="options must be empty"):
        SharedRows(one).reset(seed=0, options={"x": 1})


def test_one_policy_for_all_learns_the_errands() -> None:
    games = Errands()
    agent = shared_ppo(games, config=SMALL, seed=0)
    agent.learn(512 * 30)
    env = SharedRows(games)

    def act(obs: np.ndarray) -> np.ndarray:
        return agent.act(env._rows(obs), deterministic=True).reshape(-1, 2)

    assert worth(act, games) > 0.9


@pytest.mark.integration
def test_a_learner_each_learns_the_errands_in_threads() -> None:
    games = Errands()
    team = IndependentPPO(games, config=SMALL, seed=0)
    calls: list[int] = []
    team.learn(256 * 30, lambda players: calls.append(players.num_steps))
    assert team.num_steps == 256 * 30
    assert calls == list(range(0, 256 * 31, 256))
    first, second = (agent.policy.model.state_dict() for agent in team.agents)
    assert any((first[name] != second[name]).any() for name in first)
    assert worth(lambda obs: team.act(obs, deterministic=True), games) > 0.9


def test_threads_do_not_make_it_a_matter_of_chance() -> None:
    runs = []
    for _ in range(2):
        games = Errands()
        team = IndependentPPO(games, config=SMALL, seed=4)
        team.learn(256 * 3)
        runs.append(np.concatenate(games.taken))
    assert (runs[0] == runs[1]).all()


@pytest.mark.parametrize("shared", [False, True])
def test_training_resumes_bit_for_bit(shared: bool) -> None:
    make = shared_ppo if shared else IndependentPPO
    whole = make(SavedErrands(), config=SMALL, seed=1)
    rollout = 512 if shared else 256
    whole.learn(rollout * 2)
    arrays, meta = whole.training_state()
    assert meta["exact_resume"]
    whole.learn(rollout * 4)
    games = SavedErrands()
    resumed = make(games, config=SMALL, seed=1)
    resumed.load_training_state(arrays, meta)
    resumed.learn(rollout * 4)
    left, right = whole.training_state()[0], resumed.training_state()[0]
    assert left.keys() == right.keys()
    assert all((left[name] == right[name]).all() for name in left if "episodes" not in name)


def test_games_without_a_state_are_told_apart() -> None:
    assert has_state(SharedRows(SavedErrands()))
    assert not has_state(SharedRows(Errands()))
    assert not has_state(PlayerRows(Rendezvous(Errands()), 1))


def test_what_goes_wrong_in_one_thread_ends_all_and_can_be_repeated() -> None:
    games = Errands()
    team = IndependentPPO(games, config=SMALL, seed=0)

    def broken(actions: np.ndarray) -> Any:
        raise RuntimeError("the shop is on fire")

    games.step = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="the shop is on fire"):
        team.learn(256)
    del games.step
    team.learn(256)
    assert team.num_steps == 256
    with pytest.raises(ValueError, match="3 learners, these are 2"):
        team.load_training_state({}, {"players": [{}, {}, {}]})
    with pytest.raises(ValueError, match="0 learners, these are 2"):
        team.load_training_state({}, SharedPPO(games, config=SMALL).training_state()[1])


@pytest.mark.timeout(60)
def test_what_goes_wrong_for_one_player_alone_leaves_all_at_the_same_step() -> None:
    class Spoilt(Errands):
        spoilt = False

        def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            rewards, ended, cut = super().step(actions)
            if self.spoilt:
                rewards[:, 0] = np.nan
            return rewards, ended, cut

    games = Spoilt()
    team = IndependentPPO(games, config=SMALL, seed=0)
    games.spoilt = True
    with pytest.raises(ValueError, match="reward"):
        team.learn(512)
    assert {agent.num_steps for agent in team.agents} == {team.num_steps}
    games.spoilt = False
    team.learn(1024)  # nobody waits for who was ahead
    assert {agent.num_steps for agent in team.agents} == {1024}


@pytest.mark.parametrize("kind", [IndependentPPO, SharedPPO])
def test_teams_have_no_memory(kind: Any) -> None:
    with pytest.raises(ValueError, match="recurrent must be None for teams"):
        kind(Errands(), config=PPOConfig(recurrent="gru"))
