"""ExploRS against its published formulas, returns summed by hand, and a learner that it helps."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from operant.reward_design.shaping.explors import ExploRS, centred_ascent, novelty
from operant.testing import check_design
from operant.types import Feature, Rollout

SPACES = {"observation_space": gym.spaces.Discrete(8), "action_space": gym.spaces.Discrete(2)}


def rollout(obs, action, reward, *, next_obs=None, ends=None, cuts=None, valid=None) -> Rollout:
    """Lay steps out as (T, N); by default nothing ends and the next row is the successor."""
    obs = np.array(obs)
    after = np.vstack([obs[1:], obs[-1:]]) if next_obs is None else np.array(next_obs)
    no = np.zeros(obs.shape, np.bool_)
    return Rollout(
        obs=obs,
        action=np.array(action),
        next_obs=after,
        reward=np.array(reward, np.float64),
        terminated=no if ends is None else np.array(ends, np.bool_),
        truncated=no if cuts is None else np.array(cuts, np.bool_),
        features={},
        prev_features={},
        episode_step=np.zeros(obs.shape, np.int64),
        valid=~no if valid is None else np.array(valid, np.bool_),
    )


# ---- formulas -------------------------------------------------------------------------------


def test_novelty_has_the_published_values() -> None:
    assert novelty(0, 1.0, 1.0) == 1.0
    assert novelty(3, 1.0, 1.0) == 0.5
    assert novelty(np.array([0, 5]), 2.0, 0.7) == pytest.approx(
        2.0 / np.sqrt((2.0 / 0.7) ** 2 + np.array([0, 5]))
    )
    assert novelty(10**8, 3.0, 0.1) == pytest.approx(3.0 / 10**4, rel=1e-4)
    assert novelty(np.arange(5), 1.0, 0.0).tolist() == [0.0] * 5


def test_ascent_is_the_gradient_of_the_published_objective() -> None:
    rng = np.random.default_rng(0)
    states, actions = rng.integers(0, 4, 30), rng.integers(0, 3, 30)
    policy, advantage = rng.dirichlet(np.ones(3), 4), rng.normal(size=30)
    rows = policy[states]

    def objective(reward: np.ndarray) -> float:
        taken = reward[states, actions] - (rows * reward[states]).sum(axis=1)
        return float((rows[np.arange(30), actions] * advantage * taken).sum())

    direction = centred_ascent(actions, rows, advantage)
    gradient = np.zeros((4, 3))
    np.add.at(gradient, states, direction)
    reward = rng.normal(size=(4, 3))
    numeric = np.zeros((4, 3))
    for at in np.ndindex(4, 3):
        step = np.zeros((4, 3))
        step[at] = 1e-6
        numeric[at] = (objective(reward + step) - objective(reward - step)) / 2e-6
    assert gradient == pytest.approx(numeric, abs=1e-8)
    assert direction.sum(axis=1) == pytest.approx(np.zeros(30), abs=1e-15)
    of_state = rng.normal(size=(4, 1))
    assert objective(reward + of_state) == pytest.approx(objective(reward), abs=1e-12)


def test_ascent_of_one_step_has_the_published_components() -> None:
    policy = np.array([[0.2, 0.5, 0.3]])
    found = centred_ascent(np.array([1]), policy, np.array([4.0]))
    expected = [-0.5 * 4 * 0.2, 0.5 * 4 * (1 - 0.5), -0.5 * 4 * 0.3]
    assert found[0].tolist() == pytest.approx(expected)


# ---- paying ---------------------------------------------------------------------------------


def test_bonus_falls_with_the_visits_and_is_never_paid_at_the_end(attach, transition) -> None:
    design = attach(ExploRS(bonus_scale=2.0, max_bonus=0.5), **SPACES)
    paid = [
        design(transition(1, obs=np.array([0]), next_obs=np.array([3]))).terms["novelty"][0]
        for _ in range(4)
    ]
    assert paid == pytest.approx([2 / np.sqrt(16 + n) for n in range(4)])
    end = transition(1, obs=np.array([0]), next_obs=np.array([5]), terminated=np.array([True]))
    assert design(end).terms["novelty"][0] == 0.0
    cut = transition(1, obs=np.array([0]), next_obs=np.array([5]), truncated=np.array([True]))
    assert design(cut).terms["novelty"][0] == 0.5, "coming to an end is no visit"
    both = transition(2, obs=np.array([0, 1]), next_obs=np.array([7, 7]))
    assert design(both).terms["novelty"].tolist() == [0.5, 0.5], "a batch is one moment"
    assert design(both).terms["novelty"][0] == pytest.approx(2 / np.sqrt(16 + 2))


def test_states_may_be_told_apart_by_features(attach, transition) -> None:
    table = tuple(
        Feature(name=name, description="see the test", low=0, high=9, privileged=hidden)
        for name, hidden in (("room", True), ("lit", False))
    )
    design = ExploRS(key=("room",))
    attach(design, features=table)
    assert design.spec.privileged
    assert design.spec.needs == ("policy", "features")
    one, same = (
        transition(
            1,
            next_obs=np.array([[float(i)]]),
            prev_features={"room": np.array([0.0]), "lit": np.array([0.0])},
            features={"room": np.array([4.0]), "lit": np.array([float(i)])},
        )
        for i in range(2)
    )
    assert design(one).terms["novelty"][0] == 1.0
    assert design(same).terms["novelty"][0] == pytest.approx(2**-0.5)
    assert not attach(ExploRS(key=("lit",)), features=table).spec.privileged


# ---- learning -------------------------------------------------------------------------------


def test_reward_is_learned_from_the_true_returns(attach, transition) -> None:
    """Two episodes from state 0: action 1 leads to a reward two steps later, action 0 to none."""
    policy = np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])
    design = ExploRS(policy=lambda obs: policy[obs], reward_rate=0.1, critic_rate=0.5)
    attach(design, **SPACES)
    r = rollout(
        [[0, 0], [1, 1]],
        [[1, 0], [0, 0]],
        [[0.0, 0.0], [2.0, 0.0]],
        next_obs=[[1, 1], [2, 2]],
        ends=[[False, False], [True, True]],
    )
    design.update(r)
    # returns-to-go 0.9 * 2 and 2 in the first episode; the critic knew nothing; 2 episodes
    learned = design.learned(np.array([0, 1, 2]), {})
    first = 0.1 / 2 * 0.5 * 1.8 * np.array([-0.5, 0.5])
    second = 0.1 / 2 * 0.9 * 2.0 * np.array([0.1, -0.1])
    assert learned == pytest.approx(np.array([first, second, [0.0, 0.0]]))
    again = transition(1, obs=np.array([0]), action=np.array([1]), next_obs=np.array([1]))
    again = design(again).terms
    assert again["learned"][0] == pytest.approx(first[1])
    critic = design.state_dict()["critic"]
    assert sorted(critic.tolist()) == pytest.approx([0.0, 0.5 * 0.9, 0.5 * 1.0])


def test_what_a_cut_hides_is_what_the_critic_expects(attach) -> None:
    """State 1 is known to be worth 4; episodes that are cut there count as if they earned it."""
    design = ExploRS(policy=lambda obs: np.full((len(obs), 2), 0.5), critic_rate=1.0, memory=1)
    attach(design, **SPACES)
    design.update(rollout([[1]], [[0]], [[4.0]], next_obs=[[2]], ends=[[True]]))
    for kind in ("cuts", "nothing"):
        ends = {"cuts": [[True]]} if kind == "cuts" else {}
        design.update(rollout([[3]], [[0]], [[1.0]], next_obs=[[1]], **ends))
        state = design.state_dict()
        number = {key: i for i, key in enumerate(state["key"].tolist())}
        assert len(number) >= 3
        assert state["memory/returns"].tolist() == pytest.approx([1.0 + 0.9 * 4.0]), kind


def test_returns_stop_where_an_episode_does(attach) -> None:
    design = attach(ExploRS(), **SPACES)
    design.update(
        rollout(
            [[0, 0], [1, 1], [2, 2], [3, 3]],
            [[0, 0]] * 4,
            [[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [8.0, 8.0]],
            ends=[[False, False], [True, False], [False, False], [False, True]],
            cuts=[[False, True], [False, False], [False, False], [False, False]],
        )
    )
    found = design.state_dict()["memory/returns"].reshape(4, 2)
    assert found[:, 0] == pytest.approx([1 + 0.9 * 2, 2.0, 4 + 0.9 * 8, 8.0])
    assert found[:, 1] == pytest.approx([1.0, 2 + 0.9 * (4 + 0.9 * 8), 4 + 0.9 * 8, 8.0])


def test_pseudo_steps_teach_nothing(attach) -> None:
    clean, dirty = (attach(ExploRS(), **SPACES) for _ in range(2))
    clean.update(rollout([[0], [1]], [[1], [0]], [[0.0], [3.0]], ends=[[False], [True]]))
    dirty.update(
        rollout(
            [[0], [1], [5]],
            [[1], [0], [1]],
            [[0.0], [3.0], [7.0]],
            next_obs=[[1], [1], [0]],
            ends=[[False], [True], [False]],
            valid=[[True], [True], [False]],
        )
    )
    states = np.arange(8)
    assert clean.learned(states, {}).tolist() == dirty.learned(states, {}).tolist()
    assert clean.update(rollout([[0]], [[0]], [[1.0]], valid=[[False]])) == {}


def test_without_a_policy_the_frequencies_stand_in(attach) -> None:
    told, estimated = (
        attach(ExploRS(policy=policy), **SPACES)
        for policy in (lambda obs: np.tile([0.75, 0.25], (len(obs), 1)), None)
    )
    r = rollout([[0, 0, 0, 0]], [[0, 1, 0, 0]], [[1.0, 5.0, 0.0, 2.0]], ends=[[True] * 4])
    for design in (told, estimated):
        design.update(r)
    zero = np.array([0])
    assert estimated.learned(zero, {}) == pytest.approx(told.learned(zero, {}))
    assert estimated.learned(zero, {})[0, 1] > 0


def test_memory_forgets(attach) -> None:
    r = rollout([[0]], [[0]], [[1.0]], ends=[[True]])
    for memory in (1, 3):
        design = attach(ExploRS(memory=memory), **SPACES)
        for _ in range(5):
            design.update(r)
        assert len(design.state_dict()["memory/states"]) == memory


@pytest.mark.parametrize(
    ("options", "silent"), [({"reward_rate": 0.0}, "learned"), ({"max_bonus": 0.0}, "novelty")]
)
def test_parts_may_be_switched_off(attach, transition, options, silent) -> None:
    """ExploB and SelfRS."""
    design = attach(ExploRS(**options), **SPACES)
    design.update(rollout([[0, 0]], [[0, 1]], [[1.0, 0.0]], ends=[[True, True]]))
    terms = design(transition(1, obs=np.array([0]), next_obs=np.array([4]))).terms
    assert terms.pop(silent)[0] == 0.0
    assert all(value[0] != 0.0 for name, value in terms.items() if name != "env")


# ---- contract -------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("options", [{}, {"key": ("agent_x", "agent_y")}])
def test_design_keeps_the_contract(options) -> None:
    check_design(lambda: ExploRS(**options), "SparseKey-5x5-v0", num_envs=4, steps=200)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"bonus_scale": 0.0}, "bonus_scale must lie in"),
        ({"max_bonus": -1.0}, "max_bonus must lie in"),
        ({"max_bonus": np.inf}, "max_bonus must lie in"),
        ({"reward_rate": np.nan}, "reward_rate must lie in"),
        ({"critic_rate": 1.5}, r"critic_rate must lie in \[0, 1\], got 1.5"),
        ({"memory": 0}, "memory must be >= 1, got 0"),
        ({"key": "room"}, "key must be 'obs' or a non-empty list"),
        ({"key": ()}, "key must be 'obs' or a non-empty list"),
    ],
)
def test_bad_arguments_are_refused(options, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        ExploRS(**options)


def test_continuous_actions_are_refused(attach) -> None:
    with pytest.raises(ValueError, match="action space must be Discrete"):
        attach(ExploRS(), action_space=gym.spaces.Box(-1, 1, (1,)))
