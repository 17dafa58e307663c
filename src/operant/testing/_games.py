"""Play multi-agent envs and batches of games at random, and write down all that they show."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from operant.testing._play import action_stream

Event = dict[str, Any]
"""What everybody sees and gets after a reset or a move, by name."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GameSubject:
    """A multi-agent env under test.

    Attributes:
        name: For messages.
        make: Builds a fresh env, AEC or parallel.
        make_batch: Builds N games of turns; None if there is no such form.
        moves: Length of the traces; games that end are followed by others.
        seed: Seed of the first reset.
        deterministic: True if every seed must give the same trace.
        zero_sum: True if what the agents get must cancel in every game that is played legally.
    """

    name: str
    make: Callable[[], Any]
    make_batch: Callable[[int], Any] | None
    moves: int
    seed: int
    deterministic: bool
    zero_sum: bool

    def play(self, *, seed: int | None = None, moves: int | None = None) -> Iterator[Event]:
        """Play a fresh env."""
        env = self.make()
        yield from play(env, self.seed if seed is None else seed, moves or self.moves)
        env.close()


def in_turns(env: Any) -> bool:
    """Tell an AEC env from a parallel one."""
    return hasattr(env, "agent_iter")


def play(env: Any, seed: int | None, moves: int, *, midway: bool = False) -> Iterator[Event]:
    """Make so many random legal moves, and yield every reset and move.

    Args:
        env: The env.
        seed: Seed of the first reset; later ones go on.
        moves: Number of moves (of an AEC env) or steps (of a parallel one).
        midway: Go on with what is running instead of a first reset.
    """
    yield from (_in_turns if in_turns(env) else _at_once)(env, seed, moves, midway)


def chosen(mask: Any, rng: np.random.Generator) -> int:
    """Return one of the legal actions; the first three, often answers, half of the time."""
    legal = np.flatnonzero(mask)
    return int(rng.choice(legal[:3] if rng.random() < 0.5 else legal))


def _samplers(env: Any) -> dict[str, Callable[[], Any]]:
    return {
        agent: action_stream(env.action_space(agent), seed)
        for seed, agent in enumerate(env.possible_agents)
    }


def _in_turns(env: Any, seed: int | None, moves: int, midway: bool) -> Iterator[Event]:
    rng = np.random.default_rng(0)
    samplers = _samplers(env)
    for number in range(moves):
        if number == 0 and not midway:
            env.reset(seed=seed)
            yield _shown(env, None)
        elif not env.agents or all(env.terminations[a] or env.truncations[a] for a in env.agents):
            leave(env)
            env.reset()
            yield _shown(env, None)
        agent = env.agent_selection
        if env.terminations[agent] or env.truncations[agent]:
            env.step(None)  # it left before the others
            continue
        mask = mask_of(env.observe(agent), env.infos[agent])
        action = samplers[agent]() if mask is None else chosen(mask, rng)
        env.step(action)
        yield _shown(env, (agent, action))


def leave(env: Any) -> None:
    """Let all agents of a finished game leave, as PettingZoo wants it."""
    while env.agents:
        env.step(None)


def mask_of(obs: Any, info: Any) -> Any:
    """Return an agent's action mask, or None if there is none."""
    if isinstance(obs, dict) and "action_mask" in obs:
        return obs["action_mask"]
    return info.get("action_mask")


def _shown(env: Any, move: Any) -> Event:
    agents = list(env.agents)
    return {
        "move": move,
        "next": env.agent_selection,
        "obs": {agent: env.observe(agent) for agent in env.possible_agents},
        "rewards": dict(env.rewards),
        "ends": {a: (env.terminations[a], env.truncations[a]) for a in agents},
        "infos": copy.deepcopy(env.infos),
        "state": _state(env),
    }


def _state(env: Any) -> Any:
    """Return the global state, where there is one."""
    try:
        return env.state()
    except NotImplementedError:
        return None


def _at_once(env: Any, seed: int | None, moves: int, midway: bool) -> Iterator[Event]:
    rng = np.random.default_rng(0)
    samplers = _samplers(env)
    obs: Any = {}
    infos: Any = {}
    for number in range(moves):
        if (number == 0 and not midway) or not env.agents:
            obs, infos = env.reset(seed=seed if number == 0 and not midway else None)
            yield {"move": None, "obs": obs, "infos": infos, "state": _state(env)}
        actions = {}
        for agent in env.agents:
            mask = mask_of(obs.get(agent), infos.get(agent, {}))
            actions[agent] = samplers[agent]() if mask is None else chosen(mask, rng)
        obs, rewards, ended, cut, infos = env.step(actions)
        ends = {agent: (ended[agent], cut[agent]) for agent in ended}
        yield {
            "move": actions,
            "obs": obs,
            "rewards": rewards,
            "ends": ends,
            "infos": infos,
            "state": _state(env),
        }
