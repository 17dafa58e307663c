"""What sits on all seats, as agents: what they do, what it costs, and that they continue."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest

from operant import agents
from operant.agents.games.best_response import exploitability, mixture
from operant.agents.games.cfr import CFR
from operant.agents.games.minimax import Minimax
from operant.agents.games.players import mode, uniform
from operant.agents.games.policies import tree_policy
from operant.agents.games.sequence_form import SequenceForm
from operant.envs import multiagent
from operant.errors import OperantError
from operant.games import GameForms

GAMES = {
    "tree": "KuhnPoker-v0",
    "states": "SimpleNegotiation-Small-v0",
    "team": "ParticleSpread-n3-v0",
}
"""Tag of a row -> a small game of that form."""
PARAMS = [
    (name, tag)
    for name in agents.list_agents("game")
    for tag in GAMES
    if tag in agents.agent_row(name).tags
]


def forms(game_id: str) -> GameForms:
    part = functools.partial
    return GameForms(
        batch=part(multiagent.make_batch, game_id),
        tree=part(multiagent.tree, game_id),
        states=part(multiagent.states, game_id),
    )


def made(name: str, tag: str, seed: int = 1, **hyper: Any) -> Any:
    config = {**agents.agent_row(name).testing, **hyper}
    return agents.make_game_agent(name, forms(GAMES[tag]), num_envs=8, seed=seed, **config)


def does(agent: Any, tag: str) -> np.ndarray:
    """Return what an agent does everywhere."""
    if tag == "team":
        batch = multiagent.make_batch(GAMES[tag], 16)
        batch.reset(range(16))
        with agent.sampling(3):
            return agent.act(batch.obs, deterministic=False)
    if tag == "tree":
        return agent.table(SequenceForm(multiagent.tree(GAMES[tag])))
    return agent.table(multiagent.states(GAMES[tag]))


@pytest.mark.integration
@pytest.mark.parametrize(("name", "tag"), PARAMS)
def test_agent_works_for_steps_and_continues_from_its_state(name: str, tag: str) -> None:
    one, seen = made(name, tag), []
    assert one.num_steps == 0
    one.learn(200, lambda agent: seen.append(agent.num_steps))
    assert seen == sorted(set(seen))
    assert seen[0] == 0
    assert one.num_steps == seen[-1] >= 200
    arrays, meta = one.training_state()
    two = made(name, tag)
    two.load_training_state(arrays, json.loads(json.dumps(meta)))
    assert two.num_steps == one.num_steps
    assert np.array_equal(does(one, tag), does(two, tag))
    for agent in (one, two):
        agent.learn(one.num_steps + 200 if agent is one else one.num_steps)
    assert np.array_equal(does(one, tag), does(two, tag))
    assert all(np.isfinite(value) for value in one.metrics().values())
    assert one.policy_state()[1]["agent"] in (name, "ppo")  # networks are saved as PPO's


@pytest.mark.parametrize(("name", "tag"), PARAMS)
def test_policy_is_one(name: str, tag: str) -> None:
    did = does(made(name, tag), tag)
    if tag == "team":
        assert did.shape == (16, 3)
        assert did.dtype == np.int64
        assert len(np.unique(did)) > 1
    elif tag == "tree":
        SequenceForm(multiagent.tree(GAMES[tag])).checked(did)
    else:
        Minimax(multiagent.states(GAMES[tag])).checked(did)


def test_cfr_counts_the_nodes_that_it_visits() -> None:
    agent, form = made("cfr", "tree"), SequenceForm(multiagent.tree(GAMES["tree"]))
    assert np.array_equal(agent.table(form), form.uniform())  # nothing was visited yet
    agent.learn(1)
    solver = CFR(form)
    solver.run(4096 // (58 * 2))  # Kuhn poker has 58 nodes, and two players update
    assert agent.num_steps == solver.iterations * 58 * 2
    assert np.array_equal(agent.table(form), solver.average)


def test_exact_methods_are_better_the_longer_they_work() -> None:
    form = SequenceForm(multiagent.tree(GAMES["tree"]))
    for name, bound in (("cfr", 0.01), ("cfr-plus", 0.001)):
        agent = made(name, "tree")
        agent.learn(50_000)
        assert exploitability(form, agent.table(form)) < bound
    solved = Minimax(multiagent.states(GAMES["states"]))
    assert solved.optimality_gap(does(made("minimax", "states"), "states")).max() == 0
    assert solved.optimality_gap(does(made("uniform", "states"), "states")).min() > 0.1


@pytest.mark.integration
def test_self_play_plays_what_its_config_says() -> None:
    form = SequenceForm(multiagent.tree(GAMES["tree"]))
    policy, likeliest, average = (
        made("self-play", "tree", plays=plays) for plays in ("policy", "mode", "average")
    )
    first = policy.table(form)
    assert np.array_equal(average.table(form), first)  # no snapshot was taken yet
    for agent in (policy, likeliest, average):
        agent.learn(400)
    last = policy.table(form)
    assert not np.array_equal(first, last)
    assert np.array_equal(likeliest.table(form), mode(last))
    seats = [tree_policy(seat, form, 2) for seat in average.pool.seats]
    assert len(seats) > 1
    assert np.array_equal(average.table(form), mixture(form, seats))
    with pytest.raises(ValueError, match="needs a game with a tree"):
        average.table(multiagent.states(GAMES["states"]))
    with pytest.raises(ValueError, match="pool_size must be >= 1 for plays='average'"):
        agents.make_config("self-play", plays="average", pool_size=0)


def test_uniform_play_and_modes_of_nothing_are_nothing() -> None:
    game = multiagent.states(GAMES["states"])
    even = uniform(game)
    assert np.array_equal(even.any(1), game.legal.any(1))
    assert np.array_equal(mode(even).any(1), game.legal.any(1))


@pytest.mark.parametrize(("name", "tag"), [("cfr", "states"), ("minimax", "tree")])
def test_exact_method_refuses_the_other_form(name: str, tag: str) -> None:
    home = "tree" if tag == "states" else "states"
    with pytest.raises(ValueError, match="says nothing about"):
        does(made(name, home), tag)


def test_agents_of_games_and_of_envs_are_told_apart() -> None:
    with pytest.raises(OperantError, match=r"make it with operant\.agents\.make_game_agent"):
        agents.make_agent("self-play", None)  # type: ignore[arg-type]
    with pytest.raises(OperantError, match=r"those that do are cfr, cfr-plus"):
        agents.make_game_agent("ppo", forms("KuhnPoker-v0"))
    with pytest.raises(ValueError, match="gamma must be 1"):
        agents.make_config("cfr", gamma=0.9)


def test_state_of_another_game_is_refused() -> None:
    arrays, meta = made("cfr", "tree").training_state()
    other = agents.make_game_agent("cfr", forms("RockPaperScissorsTurns-v0"))
    with pytest.raises(ValueError, match="the state is of another game: its regret"):
        other.load_training_state(arrays, meta)
