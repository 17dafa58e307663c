"""The audit of designs with a memory: a certificate, or a search for what refutes them.

What such a design pays depends on all of the episode, so its best policy cannot be planned for on
the states of the env. Two things can still be said on a deterministic level with a time limit:

* If all episodes are given the same extra, the design orders them as the truth does. The audit
  checks that on episodes of many kinds (wandering, solving, farming what the design pays for).
* If some episode earns more of the designed reward than *every* truly best episode, then no truly
  best policy is best for the design. The truly best episodes are enumerated, others are looked for
  by a beam search.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from operant.planning import Plan, value_iteration
from operant.reward_design.audit.findings import Audit, Counterexample, Episode
from operant.reward_design.audit.markov import FLAGGED, SLACK
from operant.reward_design.base import RewardDesign
from operant.tabular import TabularMDP, every_transition
from operant.types import Float, Transition, take_rows

Attach = Callable[[int], RewardDesign]
"""Returns a fresh design, set up for a number of slots."""

SAMPLES = 64
"""Episodes that wander before they solve the level, and as many that only wander."""
BEAM = 32
"""Episodes that a search keeps at each step."""
MOST_BEST = 4_000
"""More partial episodes than this, all truly best, are not enumerated."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Node:
    """An episode so far: where it is, what was done and paid, and the design that remembers it."""

    state: int
    actions: tuple[int, ...]
    true: float
    designed: float
    success: bool
    design: RewardDesign


class _World:
    """A level whose every transition can be shown to a design."""

    def __init__(self, mdp: TabularMDP, attach: Attach, gamma: float, max_steps: int) -> None:
        self.mdp, self.gamma, self.max_steps = mdp, gamma, max_steps
        self._attach, self._every = attach, every_transition(mdp)

    def begin(self) -> _Node:
        """Return an episode of no steps."""
        return _Node(0, (), 0.0, 0.0, False, self._attach(1))

    def after(self, node: _Node, action: int) -> _Node:
        """Return the episode with one more step; the one before can be continued otherwise."""
        return self._step(node, action, _copy(node.design))

    def play(self, node: _Node, choose: Callable[[_Node], int]) -> _Node:
        """Play an episode to its end."""
        design = _copy(node.design)
        while not self.over(node):
            node = self._step(node, choose(node), design)
        return node

    def over(self, node: _Node) -> bool:
        """Tell whether an episode has ended."""
        return node.state < 0 or len(node.actions) >= self.max_steps

    def _step(self, node: _Node, action: int, design: RewardDesign) -> _Node:
        step = len(node.actions)
        pair = node.state * self.mdp.num_actions + action
        t = self._transition(pair, step)
        paid = float(design(t).total[0])
        discount = self.gamma**step
        return _Node(
            int(self.mdp.next_state[node.state, action]),
            (*node.actions, action),
            node.true + discount * float(t.reward[0]),
            node.designed + discount * paid,
            bool(self.mdp.success[node.state, action]),
            design,
        )

    def _transition(self, pair: int, step: int) -> Transition:
        """Return one transition as the ``step``-th of an episode, in slot 0."""
        rows, every = np.array([pair]), self._every
        late = step + 1 >= self.max_steps
        return Transition(
            obs=take_rows(every.obs, rows),
            action=every.action[rows],
            next_obs=take_rows(every.next_obs, rows),
            reward=every.reward[rows],
            terminated=every.terminated[rows],
            truncated=~every.terminated[rows] & late,
            features={name: value[rows] for name, value in every.features.items()},
            prev_features={name: value[rows] for name, value in every.prev_features.items()},
            env_ids=np.zeros(1, np.int64),
            episode_step=np.array([step]),
        )


def _copy(design: RewardDesign) -> RewardDesign:
    """Copy a design with its memory; what it knows of the env is shared."""
    return copy.deepcopy(design, {id(design.context): design.context})


def audit_history(
    mdp: TabularMDP, attach: Attach, *, name: str, gamma: float, max_steps: int, seed: int = 0
) -> Audit:
    """Audit a design whose rewards depend on the episode so far.

    Args:
        mdp: The level.
        attach: Returns a fresh design for a number of slots.
        name: What to call it.
        gamma: Discount of the agent, in [0, 1).
        max_steps: Time limit in env steps; it ends the episode for good.
        seed: Seed of the episodes that are tried.
    """
    world, plan = _World(mdp, attach, gamma, max_steps), value_iteration(mdp, gamma=gamma)
    scale = max(1.0, float(np.abs(mdp.reward).max()) / (1.0 - gamma))
    extras, tried = [], 0
    for node in _episodes(world, plan, seed):
        extras.append(node.designed - node.true)
        tried += 1
    spread = max(extras) - min(extras)
    made = Audit(
        design=name,
        preserves_optimal_policy=True,
        method="certificate",
        reason=f"all {tried} episodes get the same extra, {np.mean(extras):.4g} discounted, so "
        "their order is the true one",
        gamma=gamma,
        states=mdp.num_states,
        episodes=tried,
    )
    if spread <= 1e3 * SLACK * max(scale, max(map(abs, extras))):
        return made
    found, best = _search(world, plan), _truly_best(world, plan)
    if best is None:
        why = "the truly best episodes are too many to compare with"
    elif found.designed > (limit := max(node.designed for node in best)) + FLAGGED * max(
        1.0, abs(limit)
    ) and (found.true < best[0].true - FLAGGED * max(1.0, abs(best[0].true))):
        honest = max(best, key=lambda node: node.designed)
        return dataclasses.replace(
            made,
            preserves_optimal_policy=False,
            method="search",
            reason=f"an episode earns {found.designed - honest.designed:.4g} more of the designed "
            f"return than every truly best one, and {honest.true - found.true:.4g} less of the "
            "true return",
            counterexample=_parting(mdp, plan, found, honest),
        )
    else:
        why = "no episode was found that earns more of it than the truly best ones"
    return dataclasses.replace(
        made,
        preserves_optimal_policy=None,
        method="search",
        reason=f"episodes get between {min(extras):.4g} and {max(extras):.4g} extra, so nothing is "
        f"guaranteed; but {why}",
    )


def _episodes(world: _World, plan: Plan, seed: int) -> Iterator[_Node]:
    """Play episodes of many kinds to their ends."""
    rng, actions = np.random.default_rng(seed), world.mdp.num_actions

    def solve(node: _Node) -> int:
        return int(plan.policy[node.state])

    def wander(node: _Node) -> int:  # noqa: ARG001
        return int(rng.integers(actions))

    yield world.play(world.begin(), solve)
    for number in range(SAMPLES):
        node = world.begin()
        for _ in range(int(rng.integers(1, 40))):
            if not world.over(node):
                node = world.after(node, wander(node))
        yield world.play(node, solve)
        if number % 8 == 0:  # they last as long as the time limit
            yield world.play(world.begin(), wander)
    yield world.play(world.begin(), _farm(world))


def _farm(world: _World) -> Callable[[_Node], int]:
    """Return the policy that would be best if the design paid as in an episode's first step."""
    mdp = world.mdp
    design = world._attach(mdp.next_state.size)
    first: Float = design(every_transition(mdp)).total.reshape(mdp.reward.shape)
    plan = value_iteration(mdp, gamma=world.gamma, reward=first)
    return lambda node: int(plan.policy[node.state])


def _search(world: _World, plan: Plan) -> _Node:
    """Return the finished episode with most designed return that a beam search finds.

    A partial episode is worth what it was paid, plus the true value of where it stands; it is
    finished by the truly best policy.
    """

    def hope(node: _Node) -> float:
        ahead = float(plan.values[node.state]) if node.state >= 0 else 0.0
        return node.designed + world.gamma ** len(node.actions) * ahead

    def solve(node: _Node) -> int:
        return int(plan.policy[node.state])

    longest = min(world.max_steps, 60)
    best = world.play(world.play(world.begin(), _farm(world)), solve)
    beam = [world.begin()]
    for _ in range(longest):
        children = [
            world.after(node, action)
            for node in beam
            if not world.over(node)
            for action in range(world.mdp.num_actions)
        ]
        if not children:
            break
        beam = sorted(children, key=hope, reverse=True)[:BEAM]
        for node in (beam[0], *(each for each in beam if world.over(each))):
            best = max(best, world.play(node, solve), key=lambda each: each.designed)
    return best


def _truly_best(world: _World, plan: Plan) -> list[_Node] | None:
    """Return all truly best episodes, or None if they are too many."""
    nodes, ended = [world.begin()], []
    while nodes:
        nodes = [
            world.after(node, action)
            for node in nodes
            for action in np.flatnonzero(plan.optimal_actions[node.state]).tolist()
        ]
        ended += [node for node in nodes if world.over(node)]
        nodes = [node for node in nodes if not world.over(node)]
        if len(nodes) + len(ended) > MOST_BEST:
            return None
    best = max(node.true for node in ended)
    return [node for node in ended if node.true >= best - FLAGGED * max(1.0, abs(best))]


def _parting(mdp: TabularMDP, plan: Plan, found: _Node, honest: _Node) -> Counterexample:
    """Describe where an episode leaves what is truly best."""
    state, step = 0, 0
    while plan.optimal_actions[state, found.actions[step]] and step + 1 < len(found.actions):
        state, step = int(mdp.next_state[state, found.actions[step]]), step + 1
    return Counterexample(
        path=found.actions[:step],
        on_the_way=True,
        design_action=found.actions[step],
        true_actions=tuple(np.flatnonzero(plan.optimal_actions[state]).tolist()),
        true_value=honest.true,
        reached_value=found.true,
        hack=_shown(found),
        honest=_shown(honest),
    )


def _shown(node: _Node) -> Episode:
    return Episode(
        actions=node.actions,
        success=node.success,
        true_return=node.true,
        designed_return=node.designed,
    )
