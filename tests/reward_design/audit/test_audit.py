"""The audit against brute force: on small MDPs every policy can be tried."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant import make_design
from operant.errors import OperantError
from operant.planning import policy_evaluation
from operant.reward_design import DesignContext, DesignSpec, RewardDesign
from operant.reward_design.adapters.transitions import feature_table
from operant.reward_design.audit import Audit, audit
from operant.reward_design.audit.markov import compare_rewards, path_to, walk
from operant.tabular import TabularMDP
from operant.types import RewardTerms

GAMMA = 0.9


class TerminalPotential(RewardDesign):
    """A potential that is 1 at the end: shaping_theory's T0d, by a design that skips the rule."""

    spec = DesignSpec(invariance="optimal", gamma_bound=True)

    def step(self, t):
        after = np.where(t.terminated, t.action == 1, 0.0)
        return RewardTerms.sum_of(env=t.reward, shaping=self.gamma * after)


class EveryOtherStep(RewardDesign):
    """Pays 0.1 at even steps, which no episode can help: all episodes of a length get the same."""

    spec = DesignSpec(markov=False)

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, beat=np.where(t.episode_step % 2 == 0, 0.1, 0.0))


def table(next_state, reward) -> TabularMDP:
    ahead, paid = np.asarray(next_state), np.asarray(reward, np.float64)
    return TabularMDP(
        next_state=ahead,
        reward=paid,
        success=(ahead < 0) & (paid > 0),
        obs=np.arange(len(ahead)),
        features={},
        successor_features={},
    )


def on(
    mdp: TabularMDP, design: RewardDesign, *, gamma: float = GAMMA, max_steps: int = 20
) -> Audit:
    states, actions = mdp.next_state.shape
    context = DesignContext(
        observation_space=gym.spaces.Discrete(states),
        action_space=gym.spaces.Discrete(actions),
        features=(),
        num_envs=1,
        gamma=gamma,
    )
    return audit(mdp, design, context, max_steps=max_steps)


def on_level(env_id: str, design: RewardDesign, **env_kwargs) -> Audit:
    env = gym.make(env_id, **env_kwargs)
    env.reset(seed=0)
    context = DesignContext(
        observation_space=env.observation_space,
        action_space=env.action_space,
        features=feature_table(env),
        num_envs=1,
        gamma=0.99,
    )
    mdp = env.unwrapped.tabular_mdp()
    return audit(mdp, design, context, max_steps=env.unwrapped.max_steps)


# ---- Markov designs -------------------------------------------------------------------------


@st.composite
def worlds(draw):
    """A random MDP all of whose states can be reached, and designed rewards; values on a lattice,
    so that ties and flips both happen."""
    states = draw(st.integers(1, 4))
    ahead = draw(
        st.lists(
            st.lists(st.integers(-1, states - 1), min_size=2, max_size=2),
            min_size=states,
            max_size=states,
        )
    )
    reached = [0]
    for state in reached:
        reached += [s for s in dict.fromkeys(ahead[state]) if s >= 0 and s not in reached]
    number = {state: i for i, state in enumerate(reached)} | {-1: -1}
    ahead = [[number[s] for s in ahead[state]] for state in reached]
    values = st.lists(
        st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=2, max_size=2),
        min_size=len(reached),
        max_size=len(reached),
    )
    return table(ahead, draw(values)), np.array(draw(values))


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_the_verdict_is_that_of_trying_every_policy(world) -> None:
    mdp, designed = world
    policies = [np.array(p) for p in itertools.product((0, 1), repeat=mdp.num_states)]
    true = np.array([policy_evaluation(mdp, p, gamma=GAMMA) for p in policies])
    paid = np.array([policy_evaluation(mdp, p, gamma=GAMMA, reward=designed) for p in policies])
    best_for_design = (paid >= paid.max(axis=0) - 1e-9).all(axis=1)
    worst = true[best_for_design].min(axis=0)
    found = compare_rewards(mdp, designed, name="x", gamma=GAMMA, max_steps=50)
    assert found.preserves_optimal_policy == bool((worst >= true.max(axis=0) - 1e-9).all())
    if found.counterexample is not None:
        case = found.counterexample
        state = walk(mdp, case.path)[-1]
        assert case.design_action not in case.true_actions
        assert case.true_value == pytest.approx(true.max(axis=0)[state], abs=1e-9)
        assert case.reached_value == pytest.approx(worst[state], abs=1e-9)
        assert case.on_the_way == (worst[0] < true.max(axis=0)[0] - 1e-6)


@settings(max_examples=60, deadline=None)
@given(worlds(), st.lists(st.floats(-10, 10), min_size=4, max_size=4), st.floats(0.01, 100))
def test_potentials_and_scales_preserve(world, potential, scale) -> None:
    mdp, _ = world
    phi = np.append(np.array(potential)[: mdp.num_states], 0.0)  # index -1 finds the end
    shaped = scale * (mdp.reward + GAMMA * phi[mdp.next_state] - phi[:-1, None])
    found = compare_rewards(mdp, shaped, name="x", gamma=GAMMA, max_steps=50)
    assert found.preserves_optimal_policy
    assert found.states_changed == found.ties_broken == 0
    assert found.method == "exact"


def test_a_potential_at_the_end_is_refuted_with_the_published_numbers() -> None:
    """shaping_theory T0d: 1 and 0.9 become 1 and 1.8."""
    found = on(table([[-1, -1]], [[1.0, 0.9]]), TerminalPotential())
    assert found.preserves_optimal_policy is False
    case = found.counterexample
    assert case is not None
    assert (case.design_action, case.true_actions) == (1, (0,))
    assert case.hack.designed_return == pytest.approx(1.8)
    assert case.honest.designed_return == pytest.approx(1.0)
    assert case.loss == pytest.approx(0.1)


def test_broken_ties_are_told_and_harmless() -> None:
    mdp = table([[-1, -1]], [[1.0, 1.0]])
    found = compare_rewards(mdp, np.array([[1.0, 0.5]]), name="x", gamma=GAMMA, max_steps=5)
    assert found.preserves_optimal_policy
    assert found.ties_broken == 1
    assert "leaves out others that are as good" in found.reason


@pytest.mark.parametrize(
    ("design", "arguments", "verdict"),
    [
        ("none", {}, True),
        ("potential", {}, True),
        ("potential", {"scale": -3.0}, True),
        ("potential", {"gamma": 0.9}, False),
        ("naive", {}, False),
    ],
)
def test_designs_on_sparse_key(design: str, arguments: dict[str, float], verdict: bool) -> None:
    found = on_level("SparseKey-6x6-v0", make_design(design, **arguments))
    assert found.preserves_optimal_policy is verdict
    assert found.method == "exact"
    assert (found.counterexample is None) is verdict
    assert bool(found.warnings) == ("gamma" in arguments)


def test_the_hack_of_the_naive_bonus_can_be_played() -> None:
    """The outside judge is the env itself, wrapped in the design."""
    import operant

    found = on_level("SparseKey-6x6-v0", make_design("naive"))
    case = found.counterexample
    assert case is not None
    assert not case.hack.success
    assert case.honest.success
    for episode in (case.hack, case.honest):
        env = operant.shape(gym.make("SparseKey-6x6-v0"), "naive", gamma=0.99)
        env.reset(seed=0)
        true, designed, ended = [], [], False
        for action in episode.actions:
            assert not ended
            _, paid, terminated, truncated, info = env.step(action)
            true.append(info["true_reward"])
            designed.append(float(paid))
            ended = terminated or truncated
        assert ended
        discounts = 0.99 ** np.arange(len(true))
        assert discounts @ true == pytest.approx(episode.true_return, abs=1e-9)
        assert discounts @ designed == pytest.approx(episode.designed_return, abs=1e-9)


# ---- designs with a memory ------------------------------------------------------------------


def test_episodes_of_equal_extra_are_a_certificate() -> None:
    found = on(table([[0, 0]], [[0.0, 0.5]]), EveryOtherStep(), max_steps=6)
    assert found.preserves_optimal_policy is True
    assert found.method == "certificate"
    assert found.episodes > 50


def test_a_bonus_that_outweighs_the_goal_is_refuted_by_an_episode() -> None:
    found = on_level("SparseKey-5x5-v0", make_design("count", beta=0.05))
    assert found.preserves_optimal_policy is False
    case = found.counterexample
    assert case is not None
    assert case.hack.designed_return > case.honest.designed_return
    assert case.hack.true_return < case.honest.true_return


def test_a_small_bonus_is_not_decided() -> None:
    found = on_level("SparseKey-5x5-v0", make_design("count", beta=1e-4))
    assert found.preserves_optimal_policy is None
    assert found.counterexample is None
    assert "nothing is guaranteed" in found.reason


# ---- bad input ------------------------------------------------------------------------------


def test_what_cannot_be_planned_for_is_refused() -> None:
    class Learns(RewardDesign):
        spec = DesignSpec(stationary=False)

    class Late(RewardDesign):
        spec = DesignSpec(timing="episode")

    mdp = table([[-1, -1]], [[1.0, 0.0]])
    with pytest.raises(OperantError, match="'Learns' changes during training"):
        on(mdp, Learns())
    with pytest.raises(OperantError, match="'Late' has timing 'episode'"):
        on(mdp, Late())
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\)"):
        on(mdp, make_design("none"), gamma=1.0)


def test_path_to_the_nearest_state() -> None:
    mdp = table([[1, 2], [2, -1], [2, 3], [3, 3]], np.zeros((4, 2)))
    assert path_to(mdp, np.array([False, False, False, True])) == (1, 1)
    assert path_to(mdp, np.array([True, False, False, False])) == ()
