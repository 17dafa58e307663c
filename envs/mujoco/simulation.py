"""N simulations of one MuJoCo model, with the numbers that Gymnasium's envs have, to the bit.

A simulation is a row of MuJoCo's complete integration state (``mjSTATE_INTEGRATION``: time,
positions, velocities, controls, warm start, ...). A call loads the row into an ``MjData``, runs,
keeps the derived fields that were asked for and saves the row, so that one ``MjData`` per thread
serves all rows. ``mujoco.batch.Batch`` does it in C++. It cannot call ``mj_rnePostConstraint``
after the step, though, where Gymnasium's contact forces (``cfrc_ext``) come from: models that need
these are stepped by a Python loop of the same form, of which all but microseconds is MuJoCo.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from operant.arrays import section
from operant.errors import OperantError
from operant.extras import require
from operant.types import Float, Int


def _mujoco() -> Any:
    """Import MuJoCo, which looks at ``MUJOCO_GL`` as it is imported."""
    try:
        return require("mujoco", extra="mujoco", minimum="4.0", below="5")
    except RuntimeError as error:
        raise OperantError(f"{error}; unset it, or let it be 'egl' or 'osmesa'") from None


mujoco = _mujoco()
Batch: Any = importlib.import_module("mujoco.batch").Batch

CONTACT_FORCES = "cfrc_ext"
"""The field that only ``mj_rnePostConstraint`` computes: (bodies, 6), torques and forces."""
STATE = mujoco.mjtState.mjSTATE_INTEGRATION


class Simulation:
    """N simulations of a model.

    Derived fields are those that ``mj_step`` leaves behind, as Gymnasium's envs show them: of the
    last substep's beginning or, with a Runge-Kutta integrator, of its last stage. After
    :meth:`forward` they are exact.

    Attributes:
        model: The ``MjModel``.
        num: N.
        dt: Seconds per step.
        state: (N, size) rows of ``mjSTATE_INTEGRATION``, live.
        qpos: (N, nq) positions, a view of ``state``: what is written counts at the next call.
        qvel: (N, nv) velocities, likewise.
        ctrl: (N, nu) controls, likewise.
    """

    def __init__(
        self,
        model: Any,
        *,
        num: int,
        frame_skip: int,
        fields: Iterable[str] = (),
        contact_forces: bool = False,
        threads: int = 1,
    ) -> None:
        """Build N simulations in the model's initial state.

        Args:
            model: An ``MjModel``; it must not be changed any more.
            num: N >= 1.
            frame_skip: Substeps of one step, >= 1.
            fields: Derived ``MjData`` fields to keep, such as ``"xpos"``.
            contact_forces: Keep ``"cfrc_ext"`` too, which costs its computation after each step.
            threads: Threads to step with, >= 1; the numbers are the same with any.

        Raises:
            ValueError: If a number is below 1.
        """
        for name, value in (("num", num), ("frame_skip", frame_skip), ("threads", threads)):
            if value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}")
        self.model, self.num, self.frame_skip = model, num, frame_skip
        self.dt: float = model.opt.timestep * frame_skip
        engine = _ForceEngine if contact_forces else _BatchEngine
        self._engine: _Engine = engine(model, num, tuple(fields), min(threads, num))
        self.state = self._engine.state
        self.qpos: Float = self._view("QPOS")
        self.qvel: Float = self._view("QVEL")
        self.ctrl: Float = self._view("CTRL")
        self._shown: Any = None

    def field(self, name: str) -> Float:
        """Return a derived field of all simulations, (N, ...), live and not to be written.

        Raises:
            KeyError: If it was not asked for at construction.
        """
        return self._engine.fields[name]

    def reset(self, rows: Int) -> None:
        """Put some simulations into the model's initial state, as ``mj_resetData`` does."""
        self._engine.reset(rows)

    def forward(self, rows: Int) -> None:
        """Compute the derived fields of some simulations after their state was written.

        Contact forces are 0 then, as they are in Gymnasium's envs after a reset.
        """
        self._engine.forward(rows)

    def step(self, rows: Int, ctrl: npt.NDArray[Any]) -> None:
        """Take one step of ``frame_skip`` substeps in some simulations.

        Args:
            rows: (B,) indices, ascending.
            ctrl: (B, nu) controls.
        """
        self.ctrl[rows] = ctrl
        self._engine.step(rows, self.frame_skip)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the integration state and of the derived fields."""
        fields = {f"field/{name}": value.copy() for name, value in self._engine.fields.items()}
        return {"physics": self.state.copy(), **fields}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.state[...] = state["physics"]
        for name, value in section(state, "field").items():
            self._engine.fields[name][...] = value

    def data(self, row: int) -> Any:
        """Return one simulation as an ``MjData`` with all fields, for pictures and questions.

        It is the same object at every call, and a copy: what is written to it has no effect.
        """
        if self._shown is None:
            self._shown = mujoco.MjData(self.model)
        mujoco.mj_setState(self.model, self._shown, self.state[row], STATE)
        mujoco.mj_forward(self.model, self._shown)
        return self._shown

    def close(self) -> None:
        """End the threads; the simulation cannot be used after it."""
        self._engine.close()

    def _view(self, part: str) -> Float:
        return _component(self.model, self.state, part)


def _component(model: Any, state: Float, part: str) -> Float:
    """Return the view of a component, such as ``"QPOS"``, in rows of the integration state."""
    bit = int(getattr(mujoco.mjtState, f"mjSTATE_{part}"))
    start = mujoco.mj_stateSize(model, int(STATE) & (bit - 1))  # components are in order of bits
    return state[:, start : start + mujoco.mj_stateSize(model, bit)]


class _Engine(Protocol):
    """What steps the rows."""

    state: Float
    fields: dict[str, Float]

    def __init__(self, model: Any, num: int, fields: tuple[str, ...], threads: int) -> None: ...
    def reset(self, rows: Int) -> None: ...
    def forward(self, rows: Int) -> None: ...
    def step(self, rows: Int, frame_skip: int) -> None: ...
    def close(self) -> None: ...


class _BatchEngine:
    """MuJoCo's own batch."""

    def __init__(self, model: Any, num: int, fields: tuple[str, ...], threads: int) -> None:
        self._batch = Batch(model, num, nthread=threads)
        self._num = num
        self.state: Float = self._batch.state
        self._told = {name: self._batch.bind(name) for name in fields}  # read-only
        self.fields = {name: value.copy() for name, value in self._told.items()}

    def reset(self, rows: Int) -> None:
        self._batch.reset(self._ids(rows), stage=mujoco.mjtStage.mjSTAGE_NONE)

    def forward(self, rows: Int) -> None:
        self._batch.forward(self._ids(rows))
        self._keep(rows)

    def step(self, rows: Int, frame_skip: int) -> None:
        self._batch.step(self._ids(rows), nstep=frame_skip)
        self._keep(rows)

    def close(self) -> None:
        return

    def _ids(self, rows: Int) -> Int | None:
        return None if len(rows) == self._num else rows

    def _keep(self, rows: Int) -> None:
        for name, value in self._told.items():
            self.fields[name][rows] = value[rows]


class _ForceEngine:
    """Rows through one ``MjData`` per thread, with contact forces after each step."""

    def __init__(self, model: Any, num: int, fields: tuple[str, ...], threads: int) -> None:
        self._model = model
        self._datas = [mujoco.MjData(model) for _ in range(threads)]
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        first = np.zeros(mujoco.mj_stateSize(model, STATE))
        mujoco.mj_getState(model, self._datas[0], first, STATE)
        self._first, self.state = first, np.tile(first, (num, 1))
        names = (*fields, CONTACT_FORCES)
        self._live = [[getattr(data, name) for name in names] for data in self._datas]
        self.fields = {
            name: np.zeros((num, *live.shape))
            for name, live in zip(names, self._live[0], strict=True)
        }

    def reset(self, rows: Int) -> None:
        self.state[rows] = self._first

    def forward(self, rows: Int) -> None:
        def run(data: Any) -> None:
            mujoco.mj_forward(self._model, data)
            data.cfrc_ext[:] = 0.0  # else those of the row before

        self._share(rows, run)

    def step(self, rows: Int, frame_skip: int) -> None:
        def run(data: Any) -> None:
            mujoco.mj_step(self._model, data, frame_skip)
            mujoco.mj_rnePostConstraint(self._model, data)

        self._share(rows, run)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _share(self, rows: Int, run: Callable[[Any], None]) -> None:
        """Run rows on all threads, the caller's included; MuJoCo gives the interpreter free."""
        if self._pool is None:
            self._run(0, rows, run)
            return
        parts = np.array_split(rows, len(self._datas))
        jobs = [
            self._pool.submit(self._run, thread, part, run)
            for thread, part in enumerate(parts[1:], 1)
        ]
        self._run(0, parts[0], run)
        for job in jobs:
            job.result()

    def _run(self, thread: int, rows: Int, run: Callable[[Any], None]) -> None:
        model, data, live = self._model, self._datas[thread], self._live[thread]
        kept = list(zip(self.fields.values(), live, strict=True))
        for row in rows.tolist():
            mujoco.mj_setState(model, data, self.state[row], STATE)
            run(data)
            mujoco.mj_getState(model, data, self.state[row], STATE)
            for field, value in kept:
                field[row] = value
