"""What a step pays, compiled: the fine for lost time, and the two kinds of tasks.

A task of *collecting* pays what was gained of a fact; a task of *reaching* pays 1, once, and ends.
"""

from __future__ import annotations

from operant.envs.nethack.facts import TURN
from operant.envs.nethack.jit import compiled
from operant.types import Float, Int

MODES = ("constant", "exp", "square", "linear", "always")
"""How steps without game time are fined."""
_CONSTANT, _EXP, _SQUARE, _LINEAR = range(4)

OTHERS, COLLECT, EAT, REACH = range(4)
"""Kinds of tasks: judged by Python, paid what they gain, the same but not what they lose, and paid
for getting somewhere."""
(KIND, FACT, GOAL, MODE, FINE, PER_TURN, FROZEN, TOTAL, REWARD, TERMINATED, SUCCESS) = range(11)
LEDGER = 11
"""Numbers that decide what a row is paid, and what it was paid last."""


@compiled
def fined(mode: int, step: float, frozen: int) -> float:
    """Return the fine of a step.

    Args:
        mode: Index in ``MODES``.
        step: The unit of the fine.
        frozen: Steps in a row without game time, this one included.

    >>> [fined(_LINEAR, -0.5, frozen) for frozen in range(3)]
    [-0.0, -0.5, -1.0]
    """
    if mode == _CONSTANT:
        return step if frozen else 0.0
    if mode == _LINEAR:
        return frozen * step
    if mode == _SQUARE:
        return frozen * frozen * step
    if mode == _EXP:
        return float(2.0 ** min(frozen, 1000) * step)  # beyond it is no number
    return step


@compiled
def paid_for_time(ledger: Float, turns: int) -> float:
    """Return what a step's game time adds to the reward, and remember it."""
    frozen = 0 if turns else int(ledger[FROZEN]) + 1
    ledger[FROZEN] = frozen
    return float(fined(int(ledger[MODE]), ledger[FINE], frozen) + turns * ledger[PER_TURN])


@compiled
def collect(ledger: Float, gain: float, turns: int, over: bool) -> None:
    """Judge a step of a task of collecting: success once the goal was collected.

    As in NLE, the step in which the hero dies pays nothing.

    Args:
        ledger: (LEDGER,) the row's, in which reward and flags are written.
        gain: What was collected.
        turns: Game time of the step.
        over: True if the hero died.
    """
    ledger[REWARD] = 0.0
    if over:
        ledger[TERMINATED] = 1.0
        return
    ledger[REWARD] = gain + paid_for_time(ledger, turns)
    if gain:
        ledger[TOTAL] += gain
        ledger[SUCCESS] = 1.0 if ledger[TOTAL] >= ledger[GOAL] else 0.0


@compiled
def reach(ledger: Float, reached: bool, turns: int, over: bool) -> None:
    """Judge a step of a task of getting somewhere: 1 for it, and the episode ends.

    Args:
        ledger: See :func:`collect`.
        reached: True if the hero is there.
        turns: Game time of the step.
        over: True if the hero died, who is nowhere then.
    """
    there = 1.0 if reached and not over else 0.0
    ledger[REWARD] = 0.0 if over else there + paid_for_time(ledger, turns)
    if over or reached:
        ledger[TERMINATED], ledger[SUCCESS] = 1.0, there


@compiled
def judge(ledger: Float, before: Int, after: Int, over: bool) -> None:
    """Judge a step of a task that one fact decides.

    Args:
        ledger: See :func:`collect`.
        before: Facts before the step.
        after: Facts after it.
        over: True if the hero died.
    """
    kind, fact, turns = int(ledger[KIND]), int(ledger[FACT]), after[TURN] - before[TURN]
    if kind == REACH:
        reach(ledger, after[fact] != 0, turns, over)
    elif kind != OTHERS:
        gain = after[fact] - before[fact]
        collect(ledger, float(0 if kind == EAT and gain < 0 else gain), turns, over)
