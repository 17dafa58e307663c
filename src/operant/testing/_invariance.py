"""Rules of check_design about the promise ``invariance="optimal"``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.tabular import TabularMDP, every_transition
from operant.testing._report import require
from operant.testing._tape import DesignSubject, Recorder, score
from operant.types import Float, Transition


def rule_shaping_telescopes(subject: DesignSubject) -> None:
    """What an optimality-preserving design adds to an episode depends only on its first state.

    Checked on terminated episodes from one level: the discounted sum of (designed - true). A
    design that knows the model may keep the optimum in other ways.

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999), theorem 1.
    """
    spec = subject.make().spec
    if not subject.per_step() or spec.invariance != "optimal" or "model" in spec.needs:
        return
    env, gamma = subject.make_env(), subject.context.gamma
    player, sums = Recorder(env, 0), []
    for length in range(5, 65, 5):
        player.begin(seed=0)
        steps: list[Transition] = []
        while not (steps and steps[-1].done[0]):
            steps.append(player.step(forge=False, terminate=len(steps) + 1 >= length))
        if steps[-1].terminated[0]:
            # A design of its own for each: one that learns has another potential later on.
            added = score(subject.attach(1), steps, learn=False)["total"][:, 0]
            added = added - np.concatenate([t.reward for t in steps])
            sums.append(float(added @ gamma ** np.arange(len(steps))))
    env.close()
    spread = max(sums) - min(sums)
    require(
        spread <= 1e-7 * (1 + max(map(abs, sums))),
        f"terminated episodes from one start get between {min(sums)} and {max(sums)} extra",
        "pay gamma * potential(next) - potential, with potential 0 where the MDP ends; "
        "or do not declare invariance 'optimal'",
    )


def rule_optimal_actions_kept(subject: DesignSubject) -> None:
    """Exact planning under the designed reward finds the very optimal actions of the true one.

    Applies to Markov designs where the env enumerates itself (``unwrapped.tabular_mdp()``).
    """
    env = subject.make_env()
    enumerate_states = getattr(env.unwrapped, "tabular_mdp", None)
    spec = subject.make().spec
    promised = subject.per_step() and spec.markov and spec.invariance == "optimal"
    if not promised or enumerate_states is None or subject.context.gamma >= 1:
        return
    env.reset(seed=0)
    try:
        mdp: TabularMDP = enumerate_states()
    except ValueError:  # chance plays a part, or there are too many states
        return
    finally:
        env.close()
    every = every_transition(mdp)
    designed = subject.attach(len(every))(every).total.reshape(mdp.reward.shape)
    gamma = subject.context.gamma
    best = [_optimal_actions(mdp, reward, gamma) for reward in (mdp.reward, designed)]
    differ = np.flatnonzero((best[0] != best[1]).any(axis=1))
    if differ.size:
        state = int(differ[0])
        true, changed = (np.flatnonzero(mask[state]).tolist() for mask in best)
        seen = f"in {differ.size} of {mdp.num_states} states the optimal actions change, "
        seen += f"e.g. state {state}: {true} became {changed}"
        require(False, seen, "do not declare invariance 'optimal', or correct the design")


def _optimal_actions(mdp: TabularMDP, reward: Float, gamma: float) -> npt.NDArray[np.bool_]:
    """Return the (S, A) mask of optimal actions by value iteration."""
    values = np.zeros(mdp.num_states + 1)  # the last entry is the terminal pseudo-state -1
    while True:
        q = reward + gamma * values[mdp.next_state]
        change = np.abs(q.max(axis=1) - values[:-1]).max()
        values[:-1] = q.max(axis=1)
        if change < 1e-13 * (1 + np.abs(values).max()):
            best: npt.NDArray[np.bool_] = q >= q.max(axis=1, keepdims=True) - 1e-9 / (1 - gamma)
            return best


INVARIANCE_RULES = (rule_shaping_telescopes, rule_optimal_actions_kept)
