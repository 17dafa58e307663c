"""A world whose rows are divided over processes, which may die without taking the run along."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.batched.crew import Crew, Died, WorkersDiedError
from operant.envs.batched.shared import CALL, FLAGS, RESET, STEP, STEP_ALL, flat, outcome
from operant.envs.batched.worker import IN_WORKER, Order
from operant.envs.batched.world import BatchWorld
from operant.errors import OperantError
from operant.types import Card, Int, Oracle

MAX_RESTARTS = 20
"""So many workers are replaced; more deaths than that are no accident."""


class ProcessWorld(BatchWorld):
    """A world in rows, some of which each worker process has: ``kind(num=num)``, to the bit.

    What the rows show lies in memory that all processes share. While a worker waits, it calls its
    world's :meth:`BatchWorld.idle`.

    A worker that dies or does not answer is replaced. Its rows' running episodes then end as
    truncated, with reward 0, in the step that noticed it or in the next one; that step has the
    extra ``restarted``, (N,) bool, True for them. If it died during a step, what they show is all
    zeros, for it may have been half written. Their next episodes follow from new seeds, which
    depend on the old ones and the number of deaths.

    Attributes:
        restarts: How many workers were replaced.
    """

    def __init__(
        self,
        kind: type[BatchWorld],
        *,
        num: int = 1,
        workers: int | None = None,
        max_steps: int | None = None,
        timeout_s: float = 120.0,
        **options: Any,
    ) -> None:
        """Start the workers and let each build its part.

        Args:
            kind: The world; a class that can be imported.
            num: N >= 1.
            workers: Number of processes, in [1, N]; None for one per usable CPU, at most N.
            max_steps: Time limit in env steps, >= 1; None for the world's default.
            timeout_s: A worker that takes longer over one order is taken for dead, > 0.
            **options: Arguments of the world.

        Raises:
            ValueError: If an argument is outside its range, or the world cannot be imported.
            OperantError: If this is a worker itself.
            WorkersDiedError: If a worker dies while it builds its part.
            Exception: What the world's constructor raised, of the same class.
        """
        if num < 1 or not timeout_s > 0:
            raise ValueError(f"num must be >= 1 and timeout_s > 0, got {num} and {timeout_s}")
        whole = isinstance(workers, int)
        if workers is not None and not (whole and 1 <= workers <= num):
            raise ValueError(f"workers must lie in [1, num = {num}] or be None, got {workers!r}")
        if os.name != "posix":
            raise OperantError("worlds in processes need a POSIX system, such as Linux or macOS")
        if IN_WORKER in os.environ:
            raise OperantError(
                "a worker process must not start workers: if a script defines the world and builds "
                "it in processes, guard the building with: if __name__ == '__main__':"
            )
        module = _module_of(kind)
        count = min(num, workers or _usable_cpus())
        bounds = [num * part // count for part in range(count + 1)]
        arguments = options if max_steps is None else {**options, "max_steps": max_steps}
        orders = [
            Order(
                kind=kind,
                arguments=arguments,
                rows=slice(first, stop),
                num=num,
                limit_s=2.0 * timeout_s,  # the parent is faster, while there is one
            )
            for first, stop in itertools.pairwise(bounds)
        ]
        self._crew = Crew(orders, module, timeout_s)
        self._farewell = weakref.finalize(self, Crew.dismiss, self._crew)
        made = self._crew.description
        mine = {"kind": kind, "workers": workers, "timeout_s": timeout_s}
        super().__init__(num=num, max_steps=made.attributes["max_steps"], **mine, **options)
        self.kind, self.restarts = kind, 0
        vars(self).update(made.attributes)
        for name in ("FPS", "RENDER_MODES", "REWARDS", "OFFERS"):
            vars(self)[name] = getattr(kind, name)
        shown, self._orders = made.boards(self._crew.memory, num)
        self.out = outcome(shown, paid=made.paid)
        self.elapsed = self._orders["elapsed"]
        self._told = "restarted" in self.out.extras  # whether the world has this extra itself
        self._rows = [order.rows for order in orders]
        self._everyone = range(count)
        self._entropy: list[list[int]] = [[0]] * num  # what each row's stream was made from
        self._lives = np.zeros(num, np.int64)
        self._begun = np.zeros(num, np.bool_)
        self._lost = np.zeros(num, np.bool_)  # rows whose episodes a death ended, not yet told

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.process.pid for worker in self._crew.workers]

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Start the random streams of some rows anew; see :meth:`BatchWorld.seed`."""
        self._call("seed", [[list(seeds[rows])] for rows in self._rows])
        for row, seed in enumerate(seeds):
            if seed is not None:
                self._entropy[row] = [int(seed)]
                self._lives[row] = 0

    def cut(self, max_steps: int) -> None:
        """Let episodes end after so many env steps, if they do not end earlier anyway."""
        super().cut(max_steps)
        self._call("cut", [[max_steps]] * len(self._rows))

    def reset(self, rows: Int) -> None:
        """Start an episode in some rows."""
        if not len(rows):
            return
        if "restarted" in self.out.extras:
            self.out.extras["restarted"][rows] = False
        self._choose(rows)
        self._lost[rows] = False
        todo = self._having(rows)
        while todo:
            answers = self._ask(todo, RESET)
            todo = [i for i, answer in zip(todo, answers, strict=True) if answer is Died]
            self._replace(todo, spared=rows)
        self._begun[rows] = True

    def step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        """Take one step in some rows, whose episodes are running.

        Raises:
            WorkersDiedError: If more than ``MAX_RESTARTS`` workers died.
        """
        self._forget_restarts()
        if self._lost.any():
            there = ~self._lost[rows]
            self._end(rows[~there])
            rows, actions = rows[there], actions[there]
        if not len(rows):
            return
        self._orders["actions"][rows] = actions
        if len(rows) == self.num:
            todo: Sequence[int] = self._everyone
            answers = self._ask(todo, STEP_ALL)
        else:
            self._choose(rows)
            todo = self._having(rows)
            answers = self._ask(todo, STEP)
        if Died in answers:
            dead = [i for i, answer in zip(todo, answers, strict=True) if answer is Died]
            self._replace(dead, stepped=rows)
            self._end(rows[self._lost[rows]])

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, as ``kind`` does.

        Where the world's own arrays do not have a row each, they are kept per worker.
        """
        parts = self._call("get_state")
        state = super().get_state()
        if not self._told:
            state.pop("out/extras/restarted", None)
        if self._lost.any():
            state["lost"] = self._lost.copy()
        lengths = [rows.stop - rows.start for rows in self._rows]
        if all(_in_rows(part, length) for part, length in zip(parts, lengths, strict=True)):
            return state | {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        for at, part in enumerate(parts):
            state |= {f"part{at}/{key}": value for key, value in part.items()}
        return {**state, "parts": np.array(lengths)}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state`, or that of ``kind`` with N rows, returned.

        Raises:
            ValueError: If it is of a world with another number of rows, or cannot be divided over
                this number of workers.
        """
        lengths = [rows.stop - rows.start for rows in self._rows]
        if len(state["elapsed"]) != self.num:
            raise ValueError(
                f"the state has {len(state['elapsed'])} rows, this world has {self.num}"
            )
        if "parts" in state and state["parts"].tolist() != lengths:
            raise ValueError(
                f"the state is of {len(state['parts'])} workers with {state['parts'].tolist()} "
                f"rows and cannot be divided otherwise; this world has {len(lengths)}: build it "
                f"with workers={len(state['parts'])}"
            )
        kept = {k: v for k, v in state.items() if k not in ("parts", "lost") and k[:4] != "part"}
        if "parts" not in state:
            _require_rows(kept, self.num)
        parts = []
        for at, rows in enumerate(self._rows):
            own = {k: v[rows] for k, v in kept.items()}
            start = f"part{at}/"
            own |= {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
            parts.append([own])
        self._forget_restarts()
        self._call("set_state", parts)
        streams = np.concatenate([part[0]["streams"] for part in parts])
        self._entropy = [[int(number) for number in row] for row in streams]
        self._lives[:] = 0
        self._begun[:] = True
        self._lost[:] = state.get("lost", False)

    def card(self, env_id: str) -> Card:
        """Return what a user must know about it."""
        named = self.kind.__name__ if env_id == type(self).__name__ else env_id
        card: Card = self._call("card", [[named]], who=[0])[0]
        return card

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return a picture of a row, (H, W, 3) uint8."""
        frame: npt.NDArray[np.uint8] = self._ask_row(row, "frame")
        return frame

    def text(self, row: int) -> str:
        """Return a row as text."""
        return str(self._ask_row(row, "text"))

    def oracle(self, row: int) -> Oracle:
        """Return the optimum of a row's level, where it is known."""
        oracle: Oracle = self._ask_row(row, "oracle")
        return oracle

    def close(self) -> None:
        """End the workers; the world cannot be used after it."""
        self._farewell()

    def __getattr__(self, name: str) -> Any:
        """Return what the world offers beside."""
        if name.startswith("_") or name not in vars(self).get("OFFERS", ()):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if callable(getattr(self.kind, name, None)):
            return lambda *args, **named: self._call(name, [args], who=[0], named=named)[0]
        return self._call(name, who=[0])[0]

    def _reset(self, rows: Int) -> None:
        """The workers' worlds do that."""
        raise NotImplementedError

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        """The workers' worlds do that."""
        raise NotImplementedError

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        return {}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """The workers' worlds do that."""
        raise NotImplementedError

    def _call(
        self,
        name: str,
        arguments: Sequence[Sequence[Any]] | None = None,
        *,
        who: Sequence[int] | None = None,
        named: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """Call a method of workers' worlds, again of the new one where a worker dies at it."""
        todo = list(self._everyone if who is None else who)
        given = dict(zip(todo, arguments or [()] * len(todo), strict=True))
        results: dict[int, Any] = {}
        while todo:
            contents = [(name, tuple(given[index]), dict(named or {})) for index in todo]
            results |= zip(todo, self._ask(todo, CALL, contents), strict=True)
            todo = [index for index in todo if results[index] is Died]
            self._replace(todo)
        return [results[index] for index in given]

    def _ask_row(self, row: int, name: str) -> Any:
        index = self._having(np.array([row]))[0]
        return self._call(name, [[row - self._rows[index].start]], who=[index])[0]

    def _ask(
        self, who: Sequence[int], code: bytes, contents: Sequence[object] | None = None
    ) -> list[Any]:
        if not self._farewell.alive:
            raise OperantError("the world was closed; build a new one")
        return self._crew.ask(who, code, contents)

    def _choose(self, rows: Int) -> None:
        self._orders["chosen"][:] = False
        self._orders["chosen"][rows] = True

    def _having(self, rows: Int) -> list[int]:
        """Return the workers that have any of some rows, which are ascending."""
        at = np.searchsorted(rows, [r.start for r in self._rows] + [self.num])
        return np.flatnonzero(np.diff(at)).tolist()

    def _replace(
        self, dead: Sequence[int], *, stepped: Int | None = None, spared: Int | None = None
    ) -> None:
        """Start new workers and seed their rows.

        Args:
            dead: Indices of those that died.
            stepped: Rows that were taking a step.
            spared: Rows whose episodes did not matter any more.
        """
        for index in dead:
            rows = self._rows[index]
            running = self._begun & ~(self.out.terminated | self.out.truncated)
            if stepped is not None:
                running[stepped] = True
            if spared is not None:
                running[spared] = False
            self._lost[rows] |= running[rows]
            kept = [(part[rows], part[rows].copy()) for part in self._arrays()]
            self._start(index)
            for part, before in kept:  # a new world shows nothing yet
                part[...] = before
            if stepped is not None:
                self._blank(stepped[(stepped >= rows.start) & (stepped < rows.stop)])

    def _start(self, index: int) -> None:
        """Replace a worker, and again if the new one dies at once."""
        answer: Any = Died
        rows = range(*self._rows[index].indices(self.num))
        while answer is Died:
            self.restarts += 1
            cause = self._crew.workers[index].cause
            if self.restarts > MAX_RESTARTS:
                self.close()
                raise WorkersDiedError(
                    f"{self.restarts} worker processes of {self.kind.__name__} died, the last one "
                    f"by {cause}; see what they wrote to stderr, and run the world without "
                    "processes to find out why"
                )
            self._lives[self._rows[index]] += 1
            seeds = [self._next_seed(row) for row in rows]
            with contextlib.suppress(WorkersDiedError):
                self._crew.replace(index)
                self._crew.ask([index], CALL, [("cut", (self.max_steps,), {})])
                answer = self._crew.ask([index], CALL, [("seed", (seeds,), {})])[0]

    def _next_seed(self, row: int) -> int:
        entropy = [*self._entropy[row], int(self._lives[row])]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def _arrays(self) -> list[npt.NDArray[Any]]:
        return [*flat(self.out).values(), self.elapsed]

    def _blank(self, rows: Int) -> None:
        """Forget what rows show, which a worker may have left half written."""
        for name, part in flat(self.out).items():
            if name not in FLAGS:
                part[rows] = 0

    def _end(self, rows: Int) -> None:
        """Report that episodes were lost."""
        if not len(rows):
            return
        out = self.out
        out.reward[rows] = out.true_reward[rows] = 0.0
        out.terminated[rows] = out.success[rows] = False
        out.truncated[rows] = True
        out.extras.setdefault("restarted", np.zeros(self.num, np.bool_))[rows] = True

    def _forget_restarts(self) -> None:
        if self._told:
            self.out.extras["restarted"][:] = False
        else:
            self.out.extras.pop("restarted", None)


def _module_of(kind: type[BatchWorld]) -> tuple[str, str | None]:
    """Return name and file of the module that defines a world.

    Raises:
        ValueError: If it is defined inside a function.
    """
    module = sys.modules[kind.__module__]
    found: Any = module
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not kind:
        raise ValueError(
            f"worker processes cannot import {kind.__qualname__} from {kind.__module__}; define "
            "the world at the top level of a module"
        )
    return kind.__module__, getattr(module, "__file__", None)


def _require_rows(state: Mapping[str, npt.NDArray[Any]], length: int) -> None:
    """Make sure that a state which is to be divided has a row each.

    Raises:
        ValueError: If an array has not; names it.
    """
    for name, value in state.items():
        if not _in_rows({name: value}, length):
            raise ValueError(
                f"the state's {name!r} does not have {length} rows, so that it cannot be divided "
                "over workers: save the state of workers instead"
            )


def _in_rows(part: Mapping[str, npt.NDArray[Any]], length: int) -> bool:
    return all(np.ndim(value) and len(value) == length for value in part.values())


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
