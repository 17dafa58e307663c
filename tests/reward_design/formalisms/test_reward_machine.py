from __future__ import annotations

import json
from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from operant.agents import make_agent
from operant.errors import GammaMismatchError
from operant.reward_design import make_design, shape
from operant.reward_design.formalisms.logic import FormulaError
from operant.reward_design.formalisms.reward_machine import (
    MachineVectorObservation,
    RewardMachineDesign,
)
from operant.reward_design.formalisms.text import parse_machine
from operant.testing import check_design
from operant.types import Card, Feature

TASK = """\
initial dark
terminal done
dark -> lit:  lit / 0.25
lit  -> dark: !lit
lit  -> done: position == 6 & lit / 1
end lit / -0.5
"""


def steps(design, transition, rows, *, end="", slot=0):
    """Score an episode of (lit, position) rows in one slot; returns the terms per step."""
    found = []
    for i, (lit, position) in enumerate(rows):
        last = i == len(rows) - 1
        t = transition(
            features={"lit": np.array([lit]), "position": np.array([position])},
            prev_features={},
            reward=np.array([0.125]),
            terminated=np.array([last and end == "terminated"]),
            truncated=np.array([last and end == "truncated"]),
            env_ids=np.array([slot]),
            episode_step=np.array([i]),
        )
        found.append(design(t))
    return found


def totals(*args, **kwargs):
    return [terms.total[0] for terms in steps(*args, **kwargs)]


ON = [(0.0, 3), (1.0, 4), (0.0, 3), (1.0, 4)]


def test_it_pays_the_machine_instead_of_the_true_reward_or_on_top(attach, transition):
    only = attach(RewardMachineDesign(machine=TASK))
    assert totals(only, transition, [*ON, (1.0, 6), (1.0, 5)]) == [0.0, 0.25, 0.0, 0.25, 1.0, 0.0]
    both = attach(RewardMachineDesign(machine=parse_machine(TASK), keep_true_reward=True))
    assert totals(both, transition, ON) == [0.125, 0.375, 0.125, 0.375]
    assert set(steps(both, transition, ON)[0].terms) == {"machine", "env"}


def test_every_slot_has_a_machine_of_its_own_and_every_episode_a_new_one(attach, transition):
    design = attach(RewardMachineDesign(machine=TASK))
    assert totals(design, transition, ON[:2], slot=1) == [0.0, 0.25]
    assert totals(design, transition, [(1.0, 4)], slot=2) == [0.25]
    assert totals(design, transition, [(1.0, 4)], slot=1) == [0.0]  # lit already
    design.reset(np.array([False, True, False, False]))
    assert totals(design, transition, [(1.0, 4)], slot=1) == [0.25]
    assert totals(design, transition, [(1.0, 4)], slot=2) == [0.0]


@pytest.mark.parametrize(
    ("end", "on_truncation", "final"),
    [
        ("terminated", "bootstrap", -0.5),
        ("terminated", "terminal", -0.5),
        ("truncated", "terminal", -0.5),
        ("truncated", "bootstrap", 0.0),
        ("", "terminal", 0.0),
    ],
)
def test_final_rewards_are_paid_where_the_episode_ends(
    attach, transition, end, on_truncation, final
):
    design = attach(RewardMachineDesign(machine=TASK, on_truncation=on_truncation))
    assert totals(design, transition, ON, end=end) == [0.0, 0.25, 0.0, 0.25 + final]


@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_shaping_telescopes_to_the_value_of_the_start(attach, transition, end):
    machine = parse_machine(TASK)
    design = attach(RewardMachineDesign(machine=machine, shaping=True), gamma=0.9)
    phi = machine.values(0.9)
    shaping = [terms.terms["shaping"][0] for terms in steps(design, transition, ON, end=end)]
    lit = phi[machine.states.index("lit")]
    last = 0.0 if end == "terminated" else 0.9**4 * lit
    assert np.array(shaping) @ 0.9 ** np.arange(4) == pytest.approx(last - phi[0], abs=1e-12)
    assert shaping[0] == pytest.approx(0.9 * phi[0] - phi[0])


def test_shaping_keeps_the_best_policy_and_leads_there(attach, transition):
    """Waiting costs, an advance costs nothing: the potential difference of the optimal value."""
    machine = "initial a\nterminal c\na -> b: lit\nb -> c: !lit / 1"
    design = attach(RewardMachineDesign(machine=machine, shaping=True), gamma=0.5)
    waits, advances = totals(design, transition, [(0.0, 0), (1.0, 0)])
    assert (waits, advances) == (-0.25, 0.0)


def test_shaping_is_bound_to_the_discount(attach):
    assert RewardMachineDesign(shaping=True).spec.gamma_bound
    assert not RewardMachineDesign().spec.gamma_bound
    with pytest.raises(GammaMismatchError):
        attach(RewardMachineDesign(machine=TASK, shaping=True, gamma=0.8), gamma=0.9)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\), got 1"):
        attach(RewardMachineDesign(machine=TASK, shaping=True), gamma=1.0)


def test_privileged_as_its_features(attach):
    assert attach(RewardMachineDesign(machine=TASK)).spec.privileged
    assert not attach(RewardMachineDesign(machine="initial a\na -> b: lit")).spec.privileged


def test_a_machine_on_the_wrong_env_names_its_line(attach):
    with pytest.raises(FormulaError, match="line 3, column 19: unknown feature 'has_key'"):
        attach(RewardMachineDesign())
    with pytest.raises(FormulaError, match="known: none"):
        attach(RewardMachineDesign(), features=())


def test_it_can_be_built_from_json(attach, transition):
    arguments = json.loads(json.dumps({"machine": TASK, "keep_true_reward": True}))
    design = attach(make_design("reward_machine", **arguments))
    assert totals(design, transition, ON) == [0.125, 0.375, 0.125, 0.375]


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"machine": 3}, TypeError, "machine must be a RewardMachine or its text, got 3"),
        ({"machine": "a -> b: x"}, FormulaError, "line 1, column 1: no line 'initial STATE'"),
        ({"on_truncation": "keep"}, ValueError, "must be 'bootstrap' or 'terminal', got 'keep'"),
        ({"gamma": 2.0}, ValueError, r"gamma must lie in \[0, 1\], got 2"),
    ],
)
def test_bad_arguments_are_refused(kwargs, error, message):
    with pytest.raises(error, match=message):
        RewardMachineDesign(**kwargs)


def test_it_keeps_the_contract_with_all_options():
    check_design(
        lambda: RewardMachineDesign(keep_true_reward=True, shaping=True, on_truncation="terminal"),
        steps=200,
    )


class OneState(gym.Env):
    """One observation, actions A and B, two steps; the feature tells whether the last one was B."""

    metadata: ClassVar = {"autoreset_mode": AutoresetMode.SAME_STEP}
    observation_space, action_space = gym.spaces.Discrete(1), gym.spaces.Discrete(2)

    def __init__(self):
        words = ("description", "observation", "action", "reward", "termination", "truncation")
        b = Feature(name="b", description="the last action was B", low=0, high=1, dtype="bool")
        self.card = Card(
            id="OneState-v0",
            success="none",
            metric="return",
            oracle="none",
            features=(b,),
            **dict.fromkeys(words, "see the class"),
        )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return 0, {"features": {"b": False}}

    def step(self, action):
        self.time += 1
        return 0, 0.0, self.time == 2, False, {"features": {"b": bool(action)}}


ALTERNATE = """\
initial start
terminal over
start -> a: !b
start -> b: b
a -> over: b / 1
b -> over: !b / 1
"""


def test_a_learner_that_sees_the_machine_learns_to_alternate_and_one_that_does_not_cannot():
    """The unit MDP (ii) of the spec: AB and BA are better than AA and BB."""
    earned = {}
    for seen in (True, False):
        envs = SyncVectorEnv([OneState] * 8, autoreset_mode=AutoresetMode.SAME_STEP)
        envs = MachineVectorObservation(envs, ALTERNATE) if seen else envs
        envs = shape(envs, RewardMachineDesign(machine=ALTERNATE), gamma=0.9)
        agent = make_agent("q-learning", envs, seed=0, gamma=0.9)
        agent.learn(4_000)
        obs, _ = envs.reset(seed=1)
        total = 0.0
        for _ in range(2):
            obs, reward, *_ = envs.step(agent.act(obs, deterministic=True))
            total += reward.mean()
        earned[seen] = total
    assert earned == {True: 1.0, False: 0.0}
