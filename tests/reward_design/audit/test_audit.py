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
from operant.reward_design.adapters.transitions import card_of
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

    spec = DesignSpec(markov=False, invariance="optimal")

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, beat=np.where(t.episode_step % 2 == 0, 0.1, 0.0))


class Unpromised(EveryOtherStep):
    """The same without a promise."""

    spec = DesignSpec(markov=False)


class AtTheLimit(RewardDesign):
    """Pays 100 when the time is up."""

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, late=np.where(t.truncated, 100.0, 0.0))


class AtTheLimitByMemory(AtTheLimit):
    """The same, said to have a memory."""

    spec = DesignSpec(markov=False)


class Clock(RewardDesign):
    """Reads the time, and does not say so."""

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, late=np.where(t.episode_step > 0, 5.0, 0.0))


class Counter(RewardDesign):
    """Remembers steps over all episodes, and does not say so."""

    def _setup(self, context):
        self.steps = np.zeros(context.num_envs)

    def step(self, t):
        self.steps[t.env_ids] += 1
        return RewardTerms.sum_of(env=t.reward, b=np.where(self.steps[t.env_ids] > 1, 5.0, 0.0))


class Automaton(RewardDesign):
    """Pays by the state of an automaton that reads states and actions."""

    spec = DesignSpec(markov=False)

    def __init__(self, ahead, pay) -> None:
        super().__init__()
        self.ahead, self.pay = ahead, pay

    def _setup(self, context):
        self.memory = np.zeros(context.num_envs, int)

    def reset(self, mask):
        self.memory[mask] = 0

    def step(self, t):
        here = self.memory[t.env_ids], np.asarray(t.obs), t.action
        self.memory[t.env_ids] = self.ahead[here]
        return RewardTerms.sum_of(env=t.reward, bonus=self.pay[here])


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
        features=card_of(env).features,
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


@pytest.mark.parametrize(
    ("true", "designed", "verdict"),
    [
        ([[1e-7, 0.0]], [[0.0, 1.0]], False),  # reversed, in small units
        ([[1.0, 0.5]], [[1e-12, 0.5e-12]], True),  # a copy in small units
        ([[1e-300, 0.0]], [[1e300, 0.0]], True),
        ([[1.0, 1.0 - 1e-9]], [[0.0, 1.0]], True),  # what it loses does not matter
        ([[1.0, 1.0 - 1e-5]], [[0.0, 1.0]], False),
        ([[0.0, 0.0]], [[0.0, 1.0]], True),  # there is nothing to lose
        ([[0.0, 1.0]], [[0.0, 0.0]], False),
        ([[1.0, 0.0]], [[0.1 + 0.2, 0.3]], False),  # only rounding errors tell them apart
        ([[1.0, 0.0]], [[1.0, 1.0 - 1e-11]], True),
    ],
)
def test_verdicts_do_not_depend_on_units(true, designed, verdict: bool) -> None:
    mdp = table([[-1, -1]], true)
    found = compare_rewards(mdp, np.array(designed), name="x", gamma=GAMMA, max_steps=5)
    assert found.preserves_optimal_policy is verdict
    assert found.states_changed == (0 if verdict else 1)


def test_a_loss_is_judged_by_what_its_own_state_is_worth() -> None:
    mdp = table([[1, 2], [-1, -1], [-1, -1]], [[0.0, 0.0], [1e6, 1e6], [0.5, 0.0]])
    designed = mdp.reward.copy()
    designed[2] = [0.0, 0.5]
    found = compare_rewards(mdp, designed, name="x", gamma=GAMMA, max_steps=5)
    assert found.preserves_optimal_policy is False
    case = found.counterexample
    assert case is not None
    assert (case.path, case.on_the_way, case.loss) == ((1,), False, pytest.approx(0.5))


def test_the_path_is_the_way_of_the_design_itself() -> None:
    """A state where it is wrong too is nearer, but the design does not go there."""
    ahead = [[1, 3], [2, 2], [-1, -1], [-1, -1]]
    mdp = table(ahead, [[0.0, 0.0], [0.0, 0.0], [1.0, 0.5], [0.5, 0.4]])
    designed = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 5.0], [0.0, 1.0]])
    case = compare_rewards(mdp, designed, name="x", gamma=GAMMA, max_steps=9).counterexample
    assert case is not None
    assert case.on_the_way
    assert (len(case.path), case.path[0]) == (2, 0)
    assert case.hack.actions == (*case.path, 1)


@pytest.mark.parametrize("price", [5e-8, 5e-12])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99, 0.999, 0.9999])
def test_no_discount_refutes_a_copy_or_a_potential(gamma: float, price: float) -> None:
    mdp = table([[-1, 1], [1, 1]], [[1.0, 0.0], [0.0, -price]])
    for phi in (0.0, 1e8 * price):
        shaped = 3 * (mdp.reward + gamma * phi * (mdp.next_state == 1) - [[0.0], [phi]])
        found = compare_rewards(mdp, shaped, name="x", gamma=gamma, max_steps=50)
        assert found.preserves_optimal_policy


# ---- designs that are not what they say -------------------------------------------------------


@pytest.mark.parametrize("design", [Clock(), Counter()])
def test_a_design_that_hides_a_memory_is_told_to_declare_it(design: RewardDesign) -> None:
    with pytest.raises(OperantError, match=r"pays 5.5 in step 1 .* and 0.5 .*markov=False"):
        on(table([[0, 0]], [[0.0, 0.5]]), design)


@pytest.mark.parametrize("design", [AtTheLimit(), AtTheLimitByMemory()])
def test_a_reward_at_the_time_limit_is_seen(design: RewardDesign) -> None:
    """Waiting earns 100 at the last of 4 steps; leaving earns 1."""
    found = on(table([[0, -1]], [[0.0, 1.0]]), design, max_steps=4)
    assert (found.preserves_optimal_policy, found.method) == (False, "search")
    case = found.counterexample
    assert case is not None
    assert case.hack.actions == (0, 0, 0, 0)
    assert case.hack.designed_return == pytest.approx(100 * GAMMA**3)
    assert case.honest.actions == (1,)
    assert (case.true_value, case.reached_value) == (1.0, 0.0)


def test_a_potential_that_takes_the_limit_for_the_end_is_certified() -> None:
    design = make_design("potential", on_truncation="terminal")
    found = on_level("SparseKey-5x5-v0", design, max_steps=30)
    assert (found.preserves_optimal_policy, found.method) == (True, "certificate")


# ---- designs with a memory --------------------------------------------------------------------


def test_episodes_of_equal_extra_are_a_certificate_if_that_is_promised() -> None:
    mdp = table([[0, 0]], [[0.0, 0.5]])
    found = on(mdp, EveryOtherStep(), max_steps=6)
    assert (found.preserves_optimal_policy, found.method) == (True, "certificate")
    assert found.episodes > 50
    other = on(mdp, EveryOtherStep(gamma=0.8), max_steps=6)  # whose promise is for that discount
    assert other.preserves_optimal_policy is None
    found = on(mdp, Unpromised(), max_steps=6)
    assert (found.preserves_optimal_policy, found.method) == (None, "search")
    assert f"no counterexample was found among {found.episodes}" in found.reason


def test_a_rare_episode_is_no_certificate() -> None:
    """Six times the same action pays 100 once: few random episodes do that."""
    ahead = np.zeros((7, 8, 4), int)
    ahead[:6, :, 3] = np.arange(1, 7)[:, None]
    pay = np.zeros((7, 8, 4))
    pay[5, :, 3] = 100.0
    forward, back = np.append(np.arange(1, 8), -1), np.maximum(np.arange(8) - 1, 0)
    line = table(np.column_stack([forward, back, np.arange(8), np.arange(8)]), np.zeros((8, 4)))
    line.reward[7, 0] = 1.0
    found = on(line, Automaton(ahead, pay), gamma=0.95, max_steps=40)
    assert found.preserves_optimal_policy is False


def test_a_search_finishes_what_it_finds() -> None:
    """Standing still 20 times in a row pays; the way out is longer than the search."""
    size, run = 100, 20
    cells = np.arange(size)
    corridor = table(np.column_stack([np.append(cells[1:], -1), cells]), np.zeros((size, 2)))
    corridor.reward[-1, 0] = 1.0
    ahead, pay = np.zeros((run + 1, size, 2), int), np.zeros((run + 1, size, 2))
    ahead[:, :, 1] = np.minimum(np.arange(run + 1) + 1, run)[:, None]
    pay[0, :, 1], pay[1 : run - 1, :, 1], pay[run - 1, :, 1] = -0.01, 0.0045, 5.0
    found = on(corridor, Automaton(ahead, pay), gamma=0.99, max_steps=200)
    assert found.preserves_optimal_policy is False
    assert found.counterexample is not None
    assert found.counterexample.hack.actions[:run] == (1,) * run
    assert found.counterexample.hack.designed_return > 4


class Boast(Automaton):
    """Promises what it does not keep."""

    spec = DesignSpec(markov=False, invariance="optimal")


@pytest.mark.parametrize("kind", [Automaton, Boast])
def test_a_far_away_farm_is_found(kind: type[Automaton]) -> None:
    """At the other end of a long corridor there is a coin to take again and again."""
    size = 120
    cells = np.arange(size)
    ahead = np.column_stack([np.maximum(cells - 1, -1), np.minimum(cells + 1, size - 1)])
    corridor = table(ahead, np.zeros((size, 2)))
    corridor.reward[0, 0] = 1.0
    pay = np.zeros((1, size, 2))
    pay[0, -1, 1] = 1000.0
    found = on(corridor, kind(np.zeros_like(pay, int), pay), gamma=0.99, max_steps=200)
    assert found.preserves_optimal_policy is False
    assert found.counterexample is not None
    assert found.counterexample.hack.actions == (1,) * 200


def every_episode(mdp: TabularMDP, design: Automaton, gamma: float, steps: int):
    """Yield (true, designed) returns of all episodes."""

    def after(state, memory, step, true, designed):
        if state < 0 or step == steps:
            yield true, designed
            return
        for action in range(mdp.num_actions):
            paid, bonus = mdp.reward[state, action], design.pay[memory, state, action]
            yield from after(
                int(mdp.next_state[state, action]),
                int(design.ahead[memory, state, action]),
                step + 1,
                true + gamma**step * paid,
                designed + gamma**step * (paid + bonus),
            )

    yield from after(0, 0, 0, 0.0, 0.0)


def refuted_as_by_brute_force(rng: np.random.Generator) -> tuple[bool, bool]:
    """Audit a random automaton; return whether it was refuted, and whether it should be."""
    states, steps = int(rng.integers(1, 5)), int(rng.integers(2, 8))
    gamma = float(rng.choice([0.5, 0.9, 0.99]))
    ahead = rng.integers(-1, states, (states, 2))
    mdp = table(ahead, rng.choice([-1.0, 0.0, 0.0, 0.5, 1.0], (states, 2)))
    rare = rng.random((3, states, 2)) < 0.15
    pay = np.where(rare, rng.choice([-0.3, 0.3, 1.0], rare.shape), 0.0)
    design = Automaton(rng.integers(0, 3, rare.shape), pay)
    found = on(mdp, design, gamma=gamma, max_steps=steps)
    true, designed = np.array(list(every_episode(mdp, design, gamma, steps))).T
    best = true >= true.max() - 1e-9
    wrong = bool((designed[~best] >= designed[best].max() - 1e-9).any())
    case = found.counterexample
    assert (case is None) == (found.preserves_optimal_policy is None)
    if case is not None:
        assert wrong
        assert case.honest.true_return == pytest.approx(true.max(), abs=1e-9)
        assert case.honest.designed_return == pytest.approx(designed[best].max(), abs=1e-9)
        assert case.hack.true_return < true.max() - 1e-6
        assert case.hack.designed_return >= designed[best].max() - 1e-9
        lost = gamma ** len(case.path) * case.loss
        assert lost == pytest.approx(true.max() - case.hack.true_return, abs=1e-9)
    return case is not None, wrong


@pytest.mark.integration
@pytest.mark.parametrize(
    "worlds", [100, pytest.param(1500, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_a_search_refutes_what_trying_every_episode_does(worlds: int) -> None:
    rng = np.random.default_rng(1)
    verdicts = np.array([refuted_as_by_brute_force(rng) for _ in range(worlds)])
    refuted, wrong = verdicts.T
    assert wrong.sum() > worlds / 20
    assert refuted.sum() >= 0.98 * wrong.sum()


def test_a_bonus_that_outweighs_the_goal_is_refuted_by_an_episode() -> None:
    found = on_level("SparseKey-5x5-v0", make_design("count", beta=0.05))
    assert found.preserves_optimal_policy is False
    case = found.counterexample
    assert case is not None
    assert case.hack.designed_return > case.honest.designed_return
    assert case.hack.true_return < case.honest.true_return


@pytest.mark.integration
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
