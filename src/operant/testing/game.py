"""check_game: does a multi-agent env keep the rules that self-play and measuring rely on?

PettingZoo's own tests look at one env for themselves; these compare envs with their twins, copies
and batched forms over whole games.
"""

from __future__ import annotations

import copy
import functools
import itertools
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from operant.testing._game_batches import BATCH_RULES
from operant.testing._games import GameSubject, in_turns, leave, mask_of, play
from operant.testing._report import error_of, require, run_rules
from operant.testing._values import (
    first_difference,
    scribble,
    space_complaint,
    watched_globals,
)


def rule_in_its_spaces(subject: GameSubject) -> None:
    """Observations lie exactly in their spaces, rewards are floats, ends are bools."""
    env = subject.make()
    spaces = {agent: env.observation_space(agent) for agent in env.possible_agents}
    for at, event in enumerate(play(env, subject.seed, subject.moves)):
        for agent, obs in event["obs"].items():
            complaint = space_complaint(spaces[agent], obs, f"obs of {agent}")
            require(not complaint, f"event {at}: {complaint}", "match observation_space")
        kinds = {type(reward) for reward in event.get("rewards", {}).values()}
        require(kinds <= {float}, f"event {at}: rewards are {kinds}", "return Python floats")
        ends = {type(end) for pair in event.get("ends", {}).values() for end in pair}
        require(ends <= {bool}, f"event {at}: ends are {ends}", "return Python bools")
    env.close()


def rule_infos(subject: GameSubject) -> None:
    """Who plays in turns is told its ``role``, everybody the ``true_reward`` of the last move."""
    env = subject.make()
    turns = in_turns(env)
    env.close()
    for at, event in enumerate(subject.play()):
        for agent, info in event["infos"].items():
            if turns:
                require("role" in info, f"event {at}: {agent}'s info is {info}", "tell its role")
            if event["move"] is not None:
                paid = info.get("true_reward"), event["rewards"][agent]
                same = paid[0] == paid[1] or (paid[0] != paid[0] and paid[1] != paid[1])
                require(same, f"event {at}: {agent} got {paid[1]}, info says {paid[0]}", "tell it")


def rule_equal_seeds_equal_traces(subject: GameSubject) -> None:
    """Two envs with one seed show the same over whole games, resets without seed included."""
    _require_same(subject.play(), subject.play(), "take all chance from the seed")


def rule_different_seeds_differ(subject: GameSubject) -> None:
    """Another seed gives another trace, unless there is no chance; then it gives the same."""
    traces = [list(subject.play(seed=subject.seed + number)) for number in range(4)]
    differs = any(first_difference(traces[0], trace) for trace in traces[1:])
    if subject.deterministic:
        require(not differs, "seeds make a difference", "or declare that there is chance")
    else:
        require(differs, "four seeds give one trace", "or declare it deterministic")


def rule_reset_without_seed_goes_on(subject: GameSubject) -> None:
    """Seeding again starts the stream anew; a reset without seed goes on with it."""
    env, other = subject.make(), subject.make()
    first = list(play(env, subject.seed, subject.moves))
    again = list(play(env, subject.seed, subject.moves))
    difference = first_difference(first, again, "trace")
    require(not difference, f"the same seed again: {difference}", "reset everything with the seed")
    for each in (env, other):
        list(play(each, subject.seed + 1, 3))
        each.reset()
    _require_same(
        play(env, None, subject.moves, midway=in_turns(env)),
        play(other, None, subject.moves, midway=in_turns(other)),
        "let resets without seed draw from the seeded stream alone",
    )


def rule_copies_have_the_same_future(subject: GameSubject) -> None:
    """Deep copies and pickles go on as the original does, and do not disturb it."""
    for name, clone in (("deepcopy", copy.deepcopy), ("pickle", _pickled)):
        env, judge = subject.make(), subject.make()
        for each in (env, judge):
            _warm(each, subject.seed)
        twin = clone(env)
        runs = [_future(each, subject.moves) for each in (env, twin, judge)]
        for run, what in ((runs[1], "the copy"), (runs[2], "the original, disturbed by it,")):
            difference = first_difference(runs[0], run, "trace")
            fix = "keep all state in the env, generators included"
            require(not difference, f"{name}: {what} goes another way: {difference}", fix)


def rule_nothing_is_shared(subject: GameSubject) -> None:
    """What was returned belongs to the caller: ruining it changes nothing, and it never changes."""
    kept = [(event, copy.deepcopy(event)) for event in subject.play()]
    for at, (event, before) in enumerate(kept):
        difference = first_difference(before, event, "event")
        require(not difference, f"event {at} changed later: {difference}", "return copies")
    ruined = subject.play()
    for at, (_, expected) in enumerate(kept):
        event = next(ruined)
        difference = first_difference(expected, event, "event")
        require(not difference, f"event {at}, after earlier ones were ruined: {difference}", "copy")
        scribble(event["obs"])


def rule_global_generators(subject: GameSubject) -> None:
    """``random`` and ``np.random`` are left alone."""
    with watched_globals() as moved:
        for _ in subject.play():
            pass
        require(not moved(), "a global generator moved", "use a generator of the env's own")


def rule_zero_sum(subject: GameSubject) -> None:
    """What the agents get sums to zero in every move, if it is declared."""
    if not subject.zero_sum:
        return
    paid = 0.0
    for at, event in enumerate(subject.play()):
        total = sum(event.get("rewards", {}).values())
        paid += sum(map(abs, event.get("rewards", {}).values()))
        require(abs(total) < 1e-9, f"event {at}: rewards sum to {total}", "pay what others lose")
    require(paid > 0, "nobody ever got anything", "pay at the end of a game")


def rule_only_who_moves_may_move(subject: GameSubject) -> None:
    """In an AEC env the mask of who moves has an action, those of all others have none."""
    env = subject.make()
    if not in_turns(env):
        return
    for at, event in enumerate(play(env, subject.seed, subject.moves)):
        for agent, obs in event["obs"].items():
            mask = mask_of(obs, event["infos"].get(agent, {}))
            if mask is None:
                continue
            over = any(event["ends"].get(agent, (True,)))
            moves = agent == event["next"] and not over
            require(mask.any() == moves, f"event {at}: {agent}'s mask is {mask}", "mask all others")


def rule_impossible_actions_raise(subject: GameSubject) -> None:
    """No action at all, actions outside of the space, and a step before the reset raise."""
    env = subject.make()
    impossible: list[Any] = ["x", None]
    if in_turns(env):
        require(error_of(lambda: env.step(0)), "a step before reset() is accepted", "refuse it")
        env.reset(seed=subject.seed)
        space = env.action_space(env.agent_selection)
        impossible += [int(space.n)] if hasattr(space, "n") else []
        for action in impossible:
            before = copy.deepcopy(env)
            error = error_of(functools.partial(env.step, action))
            require(error, f"action {action!r} is accepted", "raise ValueError")
            difference = first_difference(_future(before, 20), _future(env, 20), "trace")
            require(not difference, f"refusing {action!r} changed: {difference}", "check first")
            env.reset(seed=subject.seed)
        return
    env.reset(seed=subject.seed)
    good = {agent: env.action_space(agent).sample() for agent in env.agents}
    first = env.agents[0]
    for what, actions in (
        ("a missing agent", {a: x for a, x in good.items() if a != first}),
        ("an unknown agent", {**good, "nobody": good[first]}),
        ("action 'x'", {**good, first: "x"}),
    ):
        error = error_of(functools.partial(env.step, actions))
        require(error, f"{what} is accepted", "raise ValueError")


def rule_illegal_moves(subject: GameSubject) -> None:
    """An illegal move of an AEC env raises, or ends the game at the mover's cost alone."""
    env = subject.make()
    if not in_turns(env):
        return
    env.reset(seed=subject.seed)
    for event in play(env, subject.seed, subject.moves):
        agent = event["next"]
        mask = mask_of(event["obs"][agent], event["infos"].get(agent, {}))
        if mask is None or mask.all() or not mask.any():
            continue
        trial = copy.deepcopy(env)
        if error_of(functools.partial(trial.step, int(np.argmin(mask)))):
            continue
        costs, others = trial.rewards[agent], [trial.rewards[a] for a in trial.agents if a != agent]
        require(costs < 0, f"an illegal move pays {costs}", "make it cost something")
        require(not any(others), f"it pays others {others}", "pay them nothing")
        require(all(trial.terminations.values()), "the game goes on after it", "end the game")
        leave(trial)


def _require_same(one: Any, other: Any, fix: str) -> None:
    for at, (mine, its) in enumerate(itertools.zip_longest(one, other)):
        difference = first_difference(mine, its, "event")
        require(not difference, f"event {at}: {difference}", fix)


def _pickled(env: Any) -> Any:
    return pickle.loads(pickle.dumps(env))


def _warm(env: Any, seed: int) -> None:
    """Bring an env into the middle of a game."""
    if in_turns(env):
        list(play(env, seed, 7))
    else:
        env.reset(seed=seed)


def _future(env: Any, moves: int) -> list[Any]:
    return copy.deepcopy(list(play(env, None, moves, midway=in_turns(env))))


GAME_RULES = (
    rule_in_its_spaces,
    rule_infos,
    rule_equal_seeds_equal_traces,
    rule_different_seeds_differ,
    rule_reset_without_seed_goes_on,
    rule_copies_have_the_same_future,
    rule_nothing_is_shared,
    rule_global_generators,
    rule_zero_sum,
    rule_only_who_moves_may_move,
    rule_impossible_actions_raise,
    rule_illegal_moves,
    *BATCH_RULES,
)


def check_game(
    make: Callable[[], Any],
    *,
    make_batch: Callable[[int], Any] | None = None,
    moves: int = 200,
    seed: int = 0,
    deterministic: bool = False,
    zero_sum: bool = False,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check a multi-agent env deeply; the rules are ``operant.testing.GAME_RULES``.

    Args:
        make: Builds a PettingZoo AEC or parallel env.
        make_batch: Builds N games of turns, an :class:`operant.games.TurnBatch`; its rows must
            equal the AEC env.
        moves: Length of the traces, in moves (AEC) or steps (parallel); at least 20.
        seed: Seed of the first reset.
        deterministic: Declares that seeds make no difference.
        zero_sum: Declares that what the agents get sums to zero.
        skip: Rule name -> reason why that rule does not apply.

    Raises:
        ContractError: Naming the first broken rule, what was seen, and how to fix it.
        ValueError: If ``moves`` is too small, or ``skip`` names no rule.

    Example:
        ``check_game(lambda: multiagent.make("KuhnPoker-v0"), zero_sum=True)``.
    """
    if moves < 20:
        raise ValueError(f"moves must be >= 20, got {moves}")
    env = make()
    name = str(getattr(env, "metadata", {}).get("name", type(env).__name__))
    env.close()
    subject = GameSubject(
        name=name,
        make=make,
        make_batch=make_batch,
        moves=moves,
        seed=seed,
        deterministic=deterministic,
        zero_sum=zero_sum,
    )
    run_rules(name, subject, GAME_RULES, skip)
