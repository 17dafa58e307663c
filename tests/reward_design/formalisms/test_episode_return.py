from __future__ import annotations

import json

import numpy as np
import pytest

from operant.errors import UnknownIdError
from operant.finite import FiniteMDP, policy_evaluation
from operant.reward_design import make_design
from operant.reward_design.formalisms.episode_return import EpisodeReturn, ReturnMemory
from operant.reward_design.formalisms.utilities import UTILITIES, named_utility
from operant.testing import check_design


def episode(design, transition, rewards, *, ends="terminated", slot=0, **features):
    """Return what a design pays for an episode of true rewards, step by step."""
    paid = []
    for i, reward in enumerate(rewards):
        last = i == len(rewards) - 1
        t = transition(
            reward=np.array([reward], np.float64),
            terminated=np.array([last and ends == "terminated"]),
            truncated=np.array([last and ends == "truncated"]),
            env_ids=np.array([slot]),
            episode_step=np.array([i]),
            features={name: np.array([values[i + 1]]) for name, values in features.items()},
            prev_features={name: np.array([values[i]]) for name, values in features.items()},
        )
        paid.append(float(design(t).total[0]))
    return paid


def test_a_cap_prefers_the_sure_lottery_by_a_half(attach, transition):
    """Spec section 5, set (iii): G = 1 surely, or 0 or 2 equally; the mean is 1 either way."""
    design = attach(EpisodeReturn(utility="cap", parameter=1.0), gamma=1.0)
    sure, low, high = (sum(episode(design, transition, [r])) for r in (1.0, 0.0, 2.0))
    assert (sure, (low + high) / 2) == (1.0, 0.5)


def test_no_markov_reward_of_the_amount_won_ties_and_prefers_at_once():
    """A Markov reward of the truth ties the two lotteries; so does every positive scaling."""
    ways = np.zeros((4, 2, 4))  # 0 chooses; 1 pays 1, 2 pays 0, 3 pays 2; then it ends
    ways[0, 0, 1], ways[0, 1, 2], ways[0, 1, 3] = 1.0, 0.5, 0.5
    pays = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [2.0, 2.0]])
    values = {}
    for name, reward in (("true", pays), ("cap", np.minimum(pays, 1.0))):
        mdp = FiniteMDP(transition=ways, reward=reward, start=np.eye(4)[0])
        policies = [np.tile(np.eye(2)[arm], (4, 1)) for arm in (0, 1)]
        values[name] = [policy_evaluation(mdp, p, gamma=1.0)[0] for p in policies]
    assert values["true"][0] == values["true"][1] == 1.0
    assert values["cap"][0] - values["cap"][1] == 0.5


@pytest.mark.parametrize("utility", ["linear", "cap", "threshold", "exponential", "power"])
@pytest.mark.parametrize("ends", ["terminated", "truncated", ""])
def test_changes_add_up_to_the_utility_of_the_return(attach, transition, utility, ends):
    design = attach(EpisodeReturn(utility=utility, discount=0.5))
    rewards = [1.0, -3.0, 4.0, 0.5]
    worth = named_utility(utility, None)
    total = worth(np.array([[rewards @ 0.5 ** np.arange(4)]])) - worth(np.zeros((1, 1)))
    assert sum(episode(design, transition, rewards, ends=ends)) == pytest.approx(total[0])


def test_the_linear_utility_is_the_true_reward(attach, transition):
    design = attach(EpisodeReturn(utility="linear"))
    assert episode(design, transition, [1.0, -2.0, 4.0]) == [1.0, -2.0, 4.0]


@pytest.mark.parametrize(
    ("ends", "on_truncation", "last"),
    [
        ("terminated", "bootstrap", 2.0),
        ("truncated", "bootstrap", 0.0),
        ("truncated", "terminal", 2.0),
        ("", "terminal", 0.0),
    ],
)
def test_the_end_pays_the_utility_once(attach, transition, ends, on_truncation, last):
    design = attach(
        EpisodeReturn(utility="cap", parameter=2.0, pays="end", on_truncation=on_truncation)
    )
    assert episode(design, transition, [1.0, 1.0, 1.0], ends=ends) == [0.0, 0.0, last]


def test_slots_and_episodes_are_kept_apart(attach, transition):
    design = attach(EpisodeReturn(utility="threshold", parameter=2.0))
    assert episode(design, transition, [1.0], ends="", slot=1) == [0.0]
    assert episode(design, transition, [1.0], ends="", slot=2) == [0.0]
    saved = design.state_dict()
    assert episode(design, transition, [1.0], slot=1) == [1.0]
    assert episode(design, transition, [1.0], slot=1) == [0.0]  # a new episode
    design.load_state_dict(saved)
    assert episode(design, transition, [1.0], slot=1) == [1.0]


def test_values_of_the_utilities():
    returns = np.array([[4.0, 1.0], [-4.0, 1.0], [0.0, 9.0]])
    found = {
        name: named_utility(name, parameter)(returns).tolist()
        for name, parameter in [
            ("linear", None),
            ("cap", 2.0),
            ("threshold", 5.0),
            ("power", 2.0),
            ("minimum", None),
            ("nash", None),
        ]
    }
    assert found == {
        "linear": [5.0, -3.0, 9.0],
        "cap": [2.0, -3.0, 2.0],
        "threshold": [1.0, 0.0, 1.0],
        "power": [25.0, -9.0, 81.0],
        "minimum": [1.0, -4.0, 0.0],
        "nash": [2.0, 0.0, 0.0],
    }
    averse, fond = (named_utility("exponential", a) for a in (1.0, -1.0))
    lottery, sure = np.array([[0.0], [2.0]]), np.array([[1.0]])
    assert averse(lottery).mean() < averse(sure)[0] == pytest.approx(1 - np.exp(-1))
    assert fond(lottery).mean() > fond(sure)[0] == pytest.approx(np.e - 1)
    assert set(found) | {"exponential"} == set(UTILITIES)


def test_named_terms_of_a_design_make_a_vector(attach, transition):
    design = attach(
        EpisodeReturn(
            utility="minimum",
            design=make_design("naive", bonuses={"lit": 1.0}),
            terms=["env", "lit"],
            pays="end",
        )
    )
    paid = episode(design, transition, [0.0, 3.0, 0.0], lit=[0, 1, 0, 1])
    assert paid == [0.0, 0.0, 2.0]  # min(3, 2): the flag rose twice
    assert design.required_features() == ("lit",)


def test_a_function_gets_all_terms(attach, transition):
    seen = []

    def worth(returns):
        seen.append(returns.shape)
        return returns[:, 0] - 2.0 * returns[:, 1]

    inner = make_design("naive", bonuses={"lit": 1.0})
    design = attach(EpisodeReturn(utility=worth, design=inner, terms=["env", "lit"]))
    assert sum(episode(design, transition, [5.0, 0.0], lit=[0, 1, 0])) == 3.0
    assert set(seen) == {(1, 2)}
    assert inner.context is None  # a copy is used


def test_it_can_be_built_from_json(attach, transition):
    arguments = {"utility": "nash", "design": "none", "terms": ["env"], "pays": "end"}
    design = attach(make_design("episode_return", **json.loads(json.dumps(arguments))))
    assert episode(design, transition, [1.0, 3.0]) == [0.0, 4.0]


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"utility": "cup"}, UnknownIdError, "unknown utility 'cup'; did you mean cap"),
        ({"utility": 3}, TypeError, "utility must be a name .* or a function"),
        ({"utility": np.sum, "parameter": 1.0}, TypeError, "a function without parameter"),
        ({"utility": "linear", "parameter": 1.0}, ValueError, "takes no parameter, got 1"),
        ({"utility": "power", "parameter": 0.0}, ValueError, "must be finite and > 0, got 0"),
        ({"utility": "exponential", "parameter": 0.0}, ValueError, "finite and not 0, got 0"),
        ({"utility": "cap", "parameter": np.nan}, ValueError, "must be finite, got nan"),
        ({"pays": "never"}, ValueError, "pays must be 'changes' or 'end', got 'never'"),
        ({"discount": 0.0}, ValueError, r"discount must lie in \(0, 1\], got 0"),
        ({"on_truncation": "x"}, ValueError, "on_truncation must be"),
        ({"terms": ["env"]}, ValueError, "both or none be given"),
        ({"design": "none"}, ValueError, "both or none be given"),
        ({"design": "none", "terms": "env"}, ValueError, "terms must be a list"),
        ({"design": "potential", "terms": ["env"]}, ValueError, "not depend on the agent's"),
        ({"design": "nune", "terms": ["env"]}, UnknownIdError, "did you mean none"),
    ],
)
def test_bad_arguments_name_argument_and_value(kwargs, error, message):
    with pytest.raises(error, match=message):
        EpisodeReturn(**kwargs)


def test_unknown_terms_are_named_when_they_are_missing(attach, transition):
    design = attach(EpisodeReturn(design="none", terms=["env", "lit"]))
    with pytest.raises(
        ValueError, match=r"terms of design 'none', which are \['env'\]; got \['lit'\]"
    ):
        episode(design, transition, [1.0])


@pytest.mark.slow
def test_it_keeps_the_contract_with_several_terms():
    check_design(
        lambda: EpisodeReturn(
            utility="nash", design="naive", terms=["has_key", "door_open"], pays="end", discount=0.9
        ),
        steps=200,
    )
    assert ReturnMemory(design="naive", terms=["env", "has_key"]).space.shape == (3,)
