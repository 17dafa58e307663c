"""Audits of envs by their ids, and counterexamples as animations.

Every audit with a counterexample was judged by the env itself: ``audit_levels`` plays both episodes
with the design attached, and raises an error unless they earn what is claimed.
"""

from __future__ import annotations

import dataclasses
import io

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import operant.benchmarks.audit as module
from operant import finite, make_design
from operant.benchmarks import audit_judge
from operant.benchmarks.audit import PROXY, animate, audit_levels
from operant.errors import OperantError
from operant.finite import FiniteMDP
from operant.planning import value_iteration
from operant.reward_design import DesignSpec, RewardDesign
from operant.reward_design.formalisms.product import product
from operant.reward_design.formalisms.text import parse_machine
from operant.reward_design.shaping.table_reward import TableReward
from operant.tabular import TabularMDP
from operant.types import RewardTerms

LEVEL = "SparseKey-6x6-v0"
KEY_TWICE = """\
initial a
terminal done
a -> b: has_key
b -> c: !has_key
c -> d: has_key
d -> done: !has_key / 5
"""
DOOR_TWICE = KEY_TWICE.replace("has_key", "door_open")
DOOR_AGAIN = "F (door_open & F (!door_open & F door_open))"


class Penalty(RewardDesign):
    """A potential of -5 at the end, where it must be 0, and 0 elsewhere."""

    spec = DesignSpec(invariance="optimal", gamma_bound=True)

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, shaping=self.gamma * np.where(t.done, -5.0, 0.0))


class RoomBonus(RewardDesign):
    """Pays by the number of the room."""

    def required_features(self):
        return ("room",)

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, room=0.1 * t.features["room"])


class Arrival(RewardDesign):
    """Pays by the number of the state it comes to."""

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, there=np.asarray(t.next_obs) / 49)


class Clock(RewardDesign):
    """Reads the time, and does not say so."""

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, late=np.where(t.episode_step > 0, 5.0, 0.0))


class Bump(RewardDesign):
    """-2 for a step after which everything looks as before; no best policy takes one."""

    def step(self, t):
        same = np.ones(len(t), bool)
        for name, before in t.obs.items():
            same &= (before == t.next_obs[name]).reshape(len(t), -1).all(axis=1)
        return RewardTerms.sum_of(env=t.reward, bump=np.where(same, -2.0, 0.0))


def verdict(design: RewardDesign | str, env_id: str = LEVEL, **options):
    (level,) = audit_levels(env_id, design, **options)
    found = level.found
    assert (found.counterexample is None) == (found.preserves_optimal_policy is not False)
    if found.counterexample is not None:
        case = found.counterexample
        assert case.hack.true_return < case.honest.true_return or not case.on_the_way
        assert case.loss > 0
        assert case.design_action not in case.true_actions
    return found.preserves_optimal_policy, found.method


# ---- the table of docs/shaping_audit.md, row by row -------------------------------------------


@pytest.mark.parametrize(
    ("design", "expected"),
    [
        ("potential", (True, "exact")),
        ("invariant(count)", (True, "certificate")),
        ("invariant(naive)", (True, "certificate")),
        ("ltlf", (True, "exact")),
        ("naive", (False, "exact")),
        ("reward_machine", (False, "exact")),
        pytest.param("count", (None, "search"), marks=pytest.mark.slow),
    ],
)
def test_designs_by_their_ids(design: str, expected: tuple[bool | None, str]) -> None:
    assert verdict(make_design(design)) == expected


def test_a_potential_of_another_discount_is_refuted() -> None:
    assert verdict(make_design("potential", gamma=0.9)) == (False, "exact")


def test_a_potential_at_the_end_is_refuted() -> None:
    """It also reads the time limit, so its episodes are compared; leaving never pays."""
    assert verdict(Penalty()) == (False, "search")


@pytest.mark.integration
@pytest.mark.parametrize("env_id", ["Tomato-Toy-v0", "Tomato-Easy-v0", "BoatRace-v0", "KeyLoop-v0"])
def test_proxies_are_hacked(env_id: str) -> None:
    (level,) = audit_levels(env_id, PROXY)
    case = level.found.counterexample
    assert level.found.preserves_optimal_policy is False
    assert case is not None
    assert case.hack.true_return < case.honest.true_return


# ---- designs with a memory --------------------------------------------------------------------


@pytest.mark.parametrize("machine", [KEY_TWICE, DOOR_TWICE])
def test_a_machine_that_pays_for_a_detour_is_refuted(machine: str) -> None:
    """The outside judge is the product, solved for its own reward."""
    design = make_design("reward_machine", machine=machine, keep_true_reward=True)
    assert verdict(design) == (False, "exact")
    (level,) = audit_levels(LEVEL, design)
    env = gym.make(LEVEL)
    env.reset(seed=0)
    pairs = product(env.unwrapped.tabular_mdp(), parse_machine(machine), keep_true_reward=True)
    assert level.found.states == pairs.num_states
    best = value_iteration(pairs, gamma=0.99).start_value
    case = level.found.counterexample
    assert case is not None
    assert case.hack.designed_return == pytest.approx(best, abs=1e-9)
    assert case.hack.designed_return > 4 > case.honest.designed_return
    assert case.hack.success  # after the detour


@pytest.mark.integration
@pytest.mark.parametrize(
    ("design", "options", "expected"),
    [
        ("ltlf", {"formula": DOOR_AGAIN, "keep_true_reward": True}, (False, "exact")),
        ("ltlf", {"formula": DOOR_AGAIN}, (False, "exact")),
        ("ltlf", {"shaping": True}, (True, "exact")),
        ("ltlf", {"on_truncation": "terminal"}, (True, "exact")),  # pays before the end, if at all
        ("ltlf", {"formula": "G !has_key", "on_truncation": "terminal"}, (False, "search")),
        ("look_back", {"advice": {"has_key": [0, 0, 0, 0, 50.0, 0, 0]}}, (False, "search")),
        ("pbim", {"design": "naive", "on_truncation": "bootstrap"}, (False, "search")),
    ],
)
def test_designs_with_a_memory(design: str, options, expected) -> None:
    assert verdict(make_design(design, **options)) == expected


def test_what_drops_its_debts_promises_nothing() -> None:
    for wrapper in ("pbim", "grm"):
        assert make_design(wrapper, on_truncation="bootstrap").spec.invariance == "none"
        assert make_design(wrapper).spec.invariance == "optimal"


# ---- levels -----------------------------------------------------------------------------------


def test_levels_are_audited_one_by_one() -> None:
    made = audit_levels(LEVEL, make_design("potential"), seeds=(0, 1, 2))
    assert [level.seed for level in made] == [0, 1, 2]
    assert all(level.found.preserves_optimal_policy for level in made)
    assert len({level.found.states for level in made}) > 1


@pytest.mark.integration
def test_the_last_observation_is_the_one_that_the_env_shows() -> None:
    """The step to the goal changes what one sees, so it is not punished."""
    assert verdict(Bump(), "Empty-5x5-v0") == (True, "exact")


@pytest.mark.integration
def test_both_policies_are_drawn_side_by_side() -> None:
    (level,) = audit_levels("SparseKey-5x5-v0", make_design("naive"))
    assert level.found.counterexample is not None
    gif = Image.open(io.BytesIO(animate("SparseKey-5x5-v0", level.found.counterexample, seed=0)))
    assert gif.format == "GIF"
    assert gif.n_frames > len(level.found.counterexample.honest.actions)
    assert gif.width > 2 * 5 * 24


# ---- levels with chance -----------------------------------------------------------------------


def rooms() -> FiniteMDP:
    env = gym.make("RoomNav-v0")
    env.reset(seed=0)
    return env.unwrapped.finite_mdp()


@pytest.mark.integration
def test_where_chance_plays_a_part_an_explicable_reward_is_proven() -> None:
    assert verdict(make_design("exprd"), "RoomNav-v0") == (True, "exact")
    assert verdict(make_design("none"), "RoomNav-v0") == (True, "exact")


@pytest.mark.integration
def test_where_chance_plays_a_part_both_policies_are_shown_by_an_episode_each() -> None:
    """The design pays for staying away; the outside judge is the linear solve of its policy."""
    table = np.zeros((49, 4))
    table[0] = 1.0
    (level,) = audit_levels("RoomNav-v0", TableReward(table=table))
    case = level.found.counterexample
    assert level.found.preserves_optimal_policy is False
    assert case is not None
    assert case.on_the_way
    assert case.hack.designed_return > 10 > 1 > case.honest.designed_return
    assert case.honest.success
    assert not case.hack.success
    mdp = rooms()
    best = finite.value_iteration(mdp, gamma=0.99)
    hack = np.eye(4)[finite.value_iteration(mdp, gamma=0.99, reward=table).policy]
    lost = best.values - finite.policy_evaluation(mdp, hack, gamma=0.99)
    assert case.loss == pytest.approx(lost[mdp.start > 0][0], abs=1e-6)  # they part at once
    assert animate("RoomNav-v0", case, seed=0).startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("design", "why"),
    [
        (make_design("count"), "'count' has a memory, and where chance plays a part"),
        (RoomBonus(), "'RoomBonus' reads features"),
        (Penalty(), "pays something else at the time limit"),
        (Arrival(), "looks at the last observation of an episode"),
        (Clock(), "pays something else in the second step"),
    ],
)
def test_where_chance_plays_a_part_what_the_model_does_not_tell_is_refused(design, why) -> None:
    with pytest.raises(OperantError, match=why):
        audit_levels("RoomNav-v0", design)


# ---- the env as the judge ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env_id", "reward"),
    [("BoatRace-v0", "proxy"), ("SparseKey-5x5-v0", "minigrid")],
)
def test_an_env_that_pays_something_else_is_refused(env_id: str, reward: str) -> None:
    with pytest.raises(OperantError, match=r"pays .* where its true reward is .*without reward="):
        audit_levels(env_id, make_design("none"), env_kwargs={"reward": reward})


class PaysProxy(gym.Env):
    """Two rooms: the left one ends with 1; in the right one its proxy reward pays 3 for nothing."""

    mdp = TabularMDP(
        next_state=np.array([[-1, 1], [1, 1]]),
        reward=np.array([[1.0, 0.0], [0.0, 0.0]]),
        success=np.array([[True, False], [False, False]]),
        obs=np.arange(2),
        features={},
        successor_features={},
        proxy_reward=np.array([[1.0, 0.0], [0.0, 3.0]]),
    )

    def reset(self, *, seed=None, options=None):
        self.state = self.time = 0
        return 0, {}

    def step(self, action):
        paid = self.mdp.proxy_reward[self.state, action]
        self.state, self.time = int(self.mdp.next_state[self.state, action]), self.time + 1
        return self.state, paid, self.state < 0, self.time >= 5, {}


def test_a_proxy_that_differs_in_one_corner_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither the best policy goes nor, here, chance."""
    monkeypatch.setattr(audit_judge, "WANDERS", 0)
    judge = audit_judge.Judge(PaysProxy(), "proxy", 0.9, seed=0)
    with pytest.raises(OperantError, match="pays 3 where its true reward is 0"):
        judge.require_true(PaysProxy.mdp)
    judge.require_true(dataclasses.replace(PaysProxy.mdp, reward=PaysProxy.mdp.proxy_reward))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"true_return": 0.5}, "has true return 0.5, but playing it in .* earns"),
        ({"designed_return": 99.0}, "has designed return 99, but playing it in .* earns"),
        ({"actions": (0,)}, "has designed return"),
    ],
)
def test_a_counterexample_that_the_env_does_not_confirm_is_an_error(
    monkeypatch: pytest.MonkeyPatch, change, words: str
) -> None:
    real = module.audit

    def lying(*args, **kwargs):
        found = real(*args, **kwargs)
        hack = dataclasses.replace(found.counterexample.hack, **change)
        case = dataclasses.replace(found.counterexample, hack=hack)
        return dataclasses.replace(found, counterexample=case)

    monkeypatch.setattr(module, "audit", lying)
    with pytest.raises(OperantError, match=words):
        audit_levels("SparseKey-5x5-v0", make_design("naive"))


def test_an_episode_that_ends_too_early_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.audit

    def longer(*args, **kwargs):
        found = real(*args, **kwargs)
        honest = found.counterexample.honest
        honest = dataclasses.replace(honest, actions=(*honest.actions, 0))
        case = dataclasses.replace(found.counterexample, honest=honest)
        return dataclasses.replace(found, counterexample=case)

    monkeypatch.setattr(module, "audit", longer)
    with pytest.raises(OperantError, match="takes 9 steps, but the episode ends after 8"):
        audit_levels("SparseKey-5x5-v0", make_design("naive"))


@pytest.mark.parametrize(
    ("env_id", "why"),
    [
        ("CartPole-v1", "cannot enumerate its states"),
        ("RoomNav-v0", "chance plays a part in .*RoomNav-v0.* tells no proxy reward"),
        ("LineKey-v0", "chance plays a part in LineKey"),
        ("SparseKey-5x5-v0", "has no proxy reward"),
    ],
)
def test_envs_that_cannot_be_audited_say_why(env_id: str, why: str) -> None:
    with pytest.raises(OperantError, match=why):
        audit_levels(env_id, PROXY)
