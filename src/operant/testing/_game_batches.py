"""Rules for N games of turns in arrays: rows equal single games, and refuse what is illegal."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import numpy as np

from operant.testing._games import GameSubject, chosen, in_turns, leave
from operant.testing._report import error_of, require
from operant.testing._values import first_difference

ROWS = 5


def rule_batch_attributes(subject: GameSubject) -> None:
    """A batch tells N, P and its spaces, and shows arrays of the right shapes and dtypes."""
    if subject.make_batch is None:
        return
    batch = subject.make_batch(ROWS)
    batch.reset(range(ROWS))
    actions = int(batch.action_space.n)
    expected: tuple[tuple[str, Any, Any], ...] = (
        ("num", batch.num, ROWS),
        ("turn", (batch.turn.dtype, batch.turn.shape), (np.int64, (ROWS,))),
        ("legal", (batch.legal.dtype, batch.legal.shape), (np.bool_, (ROWS, actions))),
        (
            "obs",
            (batch.obs.dtype, batch.obs.shape),
            (batch.observation_space.dtype, (ROWS, *batch.observation_space.shape)),
        ),
    )
    for name, got, wanted in expected:
        require(got == wanted, f"{name} is {got}, expected {wanted}", "follow TurnBatch")


def rule_batch_rows_equal_single_games(subject: GameSubject) -> None:
    """Row i of N games, a batch of one with its seed, and the AEC env show the same, bit by bit."""
    if subject.make_batch is None:
        return
    seeds = [subject.seed + 3 * row for row in range(ROWS)]
    many = _traces(subject, subject.make_batch(ROWS), seeds)
    for row, seed in enumerate(seeds):
        (single,) = _traces(subject, subject.make_batch(1), [seed])
        difference = first_difference(single, many[row], "trace")
        fix = "let rows never influence each other, and seed each with its own"
        require(not difference, f"row {row} is not a batch of one: {difference}", fix)
        env = subject.make()
        if in_turns(env):
            difference = first_difference(_of_env(subject, env, seed), many[row], "trace")
            require(not difference, f"row {row} is not the AEC env: {difference}", "same rules")


def rule_batch_refusals(subject: GameSubject) -> None:
    """Steps before the reset, illegal actions and wrong shapes raise, and nothing has moved."""
    if subject.make_batch is None:
        return
    batch, judge = subject.make_batch(ROWS), subject.make_batch(ROWS)
    start = np.zeros(ROWS, np.int64)
    require(error_of(lambda: batch.step(start)), "a step before reset() is accepted", "refuse it")
    batch.reset(range(ROWS))
    judge.reset(range(ROWS))
    good = np.array([np.flatnonzero(row)[0] for row in batch.legal])
    wrong_last = (-1, batch.action_space.n, *np.flatnonzero(~batch.legal[-1])[:1])
    bad = [good[:-1], good + 0.5, *(np.append(good[:-1], action) for action in wrong_last)]
    for actions in bad:
        error = error_of(functools.partial(batch.step, actions))
        require(error.startswith("ValueError"), f"{actions}: {error or 'accepted'}", "refuse it")
    for wrong in (range(ROWS - 1), [-1] * ROWS):
        error = error_of(functools.partial(batch.reset, wrong))
        require(error.startswith("ValueError"), f"seeds {list(wrong)} are accepted", "refuse them")
    difference = first_difference(_after(batch, 20), _after(judge, 20), "trace")
    require(not difference, f"what was refused changed the games: {difference}", "check first")


def rule_batch_copies_and_states(subject: GameSubject) -> None:
    """Copies, pickles and restored states have the same future."""
    if subject.make_batch is None:
        return
    batch = subject.make_batch(ROWS)
    batch.reset(range(ROWS))
    _after(batch, 7)
    clones = [copy.deepcopy(batch), pickle.loads(pickle.dumps(batch))]
    if hasattr(batch, "get_state"):
        clones.append(subject.make_batch(ROWS))
        clones[-1].set_state(batch.get_state())
    expected = _after(batch, 30)
    for clone, what in zip(clones, ("deepcopy", "pickle", "set_state"), strict=False):
        difference = first_difference(expected, _after(clone, 30), "trace")
        require(not difference, f"{what} goes another way: {difference}", "copy everything")


def _shows(batch: Any, row: int) -> dict[str, Any]:
    return {
        "turn": int(batch.turn[row]),
        "legal": batch.legal[row].copy(),
        "obs": batch.obs[row].copy(),
    }


def _traces(subject: GameSubject, batch: Any, seeds: list[int]) -> list[list[Any]]:
    """Play, every row with random actions of its own; return what each row shows."""
    rngs = [np.random.default_rng(seed) for seed in seeds]
    batch.reset(seeds)
    traces: list[list[Any]] = [[_shows(batch, row)] for row in range(len(seeds))]
    for _ in range(subject.moves):
        actions = [chosen(mask, rng) for mask, rng in zip(batch.legal, rngs, strict=True)]
        rewards, over = batch.step(np.array(actions))
        for row, trace in enumerate(traces):
            paid = {"rewards": rewards[row].copy(), "over": bool(over[row])}
            trace.append(paid | _shows(batch, row))
    return traces


def _of_env(subject: GameSubject, env: Any, seed: int) -> list[Any]:
    """Return the same of an AEC env."""
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    trace: list[Any] = [_seen(env)]
    for _ in range(subject.moves):
        env.step(chosen(trace[-1]["legal"], rng))
        over = all(env.terminations.values())
        paid = {"rewards": np.array([env.rewards[a] for a in env.possible_agents]), "over": over}
        if over:
            leave(env)
            env.reset()
        trace.append(paid | _seen(env))
    env.close()
    return trace


def _seen(env: Any) -> dict[str, Any]:
    agent = env.agent_selection
    seen = env.observe(agent)
    return {
        "turn": env.possible_agents.index(agent),
        "legal": seen["action_mask"].astype(np.bool_),
        "obs": seen["observation"],
    }


def _after(batch: Any, moves: int) -> list[Any]:
    """Play with the first or last legal actions in turns; return all that is shown."""
    shown = []
    for number in range(moves):
        last = batch.legal.shape[1] - 1 - batch.legal[:, ::-1].argmax(1)
        result = batch.step(batch.legal.argmax(1) if number % 2 else last)
        shown.append(copy.deepcopy((result, batch.turn, batch.legal, batch.obs)))
    return shown


BATCH_RULES = (
    rule_batch_attributes,
    rule_batch_rows_equal_single_games,
    rule_batch_refusals,
    rule_batch_copies_and_states,
)
