"""The exact product of an explicit MDP and a reward machine: one MDP, solvable as usual."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from operant.reward_design.formalisms.machine import RewardMachine
from operant.reward_design.formalisms.memory import Vector, extended
from operant.tabular import TabularMDP
from operant.types import Float, Int, Obs, take_rows


def product(
    mdp: TabularMDP, machine: RewardMachine, *, keep_true_reward: bool = False
) -> TabularMDP:
    """Return the MDP whose states are pairs of an MDP state and a machine state.

    Its rewards are those of
    :class:`~operant.reward_design.formalisms.reward_machine.RewardMachineDesign` without shaping,
    its observations those of ``MachineObservation``. It has the pairs that can be reached from
    state 0 and the machine's initial state, which come first; the last ``U`` numbers of an
    observation tell the machine's state.

    Args:
        mdp: Its ``successor_features`` must hold what the machine reads.
        machine: The machine.
        keep_true_reward: Add the machine's reward to the true one instead of replacing it.

    Raises:
        KeyError: If a feature is missing.

    Source: Using Reward Machines for High-Level Task Specification and Decomposition in
    Reinforcement Learning (Toro Icarte, Klassen, Valenzano, McIlraith, 2018), section 3.
    """
    after, reward = _machine_steps(mdp, machine)
    if keep_true_reward:
        reward = reward + mdp.reward
    ends = mdp.next_state < 0
    # Pair (u, s) has number u * S + s; the start is pair 0.
    ahead = np.where(ends, -1, after * mdp.num_states + mdp.next_state)
    pairs = _reached(ahead.reshape(-1, mdp.num_actions))
    number = np.full(len(machine.states) * mdp.num_states + 1, -1)  # index -1: still the end
    number[pairs] = np.arange(len(pairs))
    memory, state = np.divmod(pairs, mdp.num_states)
    one_hot = np.eye(len(machine.states), dtype=np.float32)
    return dataclasses.replace(
        mdp,
        next_state=number[ahead[memory, state]],
        reward=reward[memory, state],
        success=mdp.success[state],
        obs=extended(take_rows(mdp.obs, state), one_hot[memory], "machine"),
        last_obs=_last_obs(mdp, one_hot[after[memory, state]], state),
        features={name: value[state] for name, value in mdp.features.items()},
        successor_features={name: value[state] for name, value in mdp.successor_features.items()},
        proxy_reward=None if mdp.proxy_reward is None else mdp.proxy_reward[state],
    )


def _last_obs(mdp: TabularMDP, machine: Vector, state: Int) -> Obs | None:
    """Return what the terminal transitions of P pairs show, ``machine`` (P, A, U) with it."""
    if mdp.last_obs is None:
        return None
    ends = mdp.next_state < 0
    number = np.cumsum(ends).reshape(ends.shape) - 1
    there = ends[state]
    last: Obs = extended(take_rows(mdp.last_obs, number[state][there]), machine[there], "machine")
    return last


def _machine_steps(mdp: TabularMDP, machine: RewardMachine) -> tuple[Int, Float]:
    """Return the machine's next state and reward, (U, S, A) each."""
    shape = (len(machine.states), *mdp.next_state.shape)
    features: dict[str, npt.NDArray[np.float64]] = {
        name: np.tile(np.asarray(mdp.successor_features[name]).ravel(), shape[0])
        for name in machine.features
    }
    before = np.repeat(np.arange(shape[0]), mdp.next_state.size)
    after, reward = machine.advance(before, features)
    after, reward = after.reshape(shape), reward.reshape(shape)
    return after, reward + np.where(mdp.next_state < 0, machine.final_rewards[after], 0.0)


def _reached(ahead: Int) -> Int:
    """Return the pairs that can be reached from pair 0, in breadth-first layers, (P,)."""
    seen = np.zeros(len(ahead), np.bool_)
    seen[0] = True
    layers = [np.array([0])]
    while layers[-1].size:
        fresh = np.unique(ahead[layers[-1]])
        fresh = fresh[(fresh >= 0) & ~seen[fresh]]
        seen[fresh] = True
        layers.append(fresh)
    return np.concatenate(layers)
