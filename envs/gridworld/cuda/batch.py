"""N levels of one family on a GPU: tensors for arrays, kernels that a driver compiled.

Everything happens on torch's current stream of the device, so it is in order with the tensor code
around it, and nothing here waits for the GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from operant.envs.gridworld.buffers import Buffers
from operant.envs.gridworld.cuda.kernels import Variant, reset_program, step_program
from operant.envs.gridworld.cuda.launch import CudaKernel
from operant.envs.gridworld.engine import FEATURES, SAME_STEP, new_batch
from operant.envs.gridworld.simulator import require_inside
from operant.envs.gridworld.world import World
from operant.types import Feature

BY_COLUMN = frozenset({"agent", "rng", "image", "mission", "features"})
"""Arrays stored with the rows as their fastest axis: all threads touch the same column at once,
which is then one stretch of memory. Threads look at different cells of their grids, and few write
a final view, so those stay whole rows."""

_SHOWN = ("image", "direction", "mission", "features")
_JUDGED = ("reward", "true_reward", "proxy_reward", "terminated", "truncated", "success")
_FINAL = ("final_image", "final_direction", "final_mission", "final_features")


class CudaBatch:
    """A batch of levels behind two verbs, ``reset`` and ``step``, like the CPU's ``Simulator``.

    Attributes:
        variant: What its kernels are compiled for.
        num: N.
        device: Where it lives.
        world: State of the levels, a ``World`` of tensors.
        out: What the last step or reset produced, ``Buffers`` of tensors. Every call makes new ones
            for what it returns, so those of earlier calls keep their values.
        faults: (2,) int64 in host memory that kernels write; see ``kernels.BAD_ACTION``. It may lag
            behind the calls, as the GPU does.
    """

    def __init__(self, variant: Variant, num: int, device: torch.device) -> None:
        """Allocate N levels on a CUDA device."""
        self.variant, self.num, self.device = variant, num, device
        self._pattern = pattern = new_batch(variant.family, variant.size, 1)
        # Both named tuples declare arrays.
        self.world: Any = World._make(self._tensors(pattern.world))
        self.out: Any = Buffers._make(self._tensors(pattern.out))
        self.faults = torch.full((2,), -1, pin_memory=device.type == "cuda")
        self._orders = torch.zeros(num, dtype=torch.uint8, device=device)
        self._seeds = torch.zeros(num, dtype=torch.int64, device=device)
        idle = set() if variant.work & FEATURES else {"features", "final_features"}
        self._renewed = [name for name in (*_SHOWN, *_JUDGED) if name not in idle]
        finals = _FINAL if variant.mode == SAME_STEP else ()
        self._cleared = [name for name in finals if name not in idle]
        self._step: CudaKernel | None = None
        self._reset: CudaKernel | None = None

    def _tensors(self, group: World | Buffers) -> list[torch.Tensor]:
        """Return a group's arrays with N rows, each equal to its only one."""
        tensors = []
        for name, array in group._asdict().items():
            row = _as_tensor(array)
            shape = (self.num, *row.shape[1:])
            if name in self.variant.by_column:
                turned = torch.empty(shape[::-1], dtype=row.dtype, device=self.device)
                tensor = turned.permute(*reversed(range(row.ndim)))
            else:
                tensor = torch.empty(shape, dtype=row.dtype, device=self.device)
            tensors.append(tensor.copy_(row))
        return tensors

    def reset(self, orders: torch.Tensor, seeds: npt.NDArray[np.uint64]) -> None:
        """Do what ``orders`` says (see ``cuda.kernels.DRAW``) with ``seeds``, both (N,)."""
        if self._reset is None:
            self._reset = CudaKernel(reset_program(self.variant), self.device)
        self._orders.copy_(orders)
        self._seeds.copy_(_as_tensor(seeds))
        self._keep(_SHOWN)
        self._reset(self.num, (*self.world, *self.out, self._orders, self._seeds))

    def step(self, actions: torch.Tensor) -> None:
        """Step every row by ``actions``, (N,) integers."""
        if self._step is None:
            self._step = CudaKernel(step_program(self.variant), self.device)
        self.out.actions.copy_(actions)
        fresh = {name: torch.empty_like(getattr(self.out, name)) for name in self._renewed}
        blank = {name: torch.zeros_like(getattr(self.out, name)) for name in self._cleared}
        self.out = self.out._replace(**fresh, **blank)
        self._step(self.num, (*self.world, *self.out, self.faults))

    def _keep(self, names: Iterable[str]) -> None:
        """Leave the tensors that were returned to their owners, and go on with copies."""
        self.out = self.out._replace(**{name: getattr(self.out, name).clone() for name in names})

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, in the arrays of the CPU's ``Simulator``."""
        return {
            key: np.array(tensor.cpu().numpy(), order="C").view(dtype)
            for key, (tensor, dtype) in self._state().items()
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` of this or of a CPU batch returned.

        Raises:
            ValueError: If the state is of other levels (shape or keys differ), or an agent stands
                outside its grid.
        """
        own = self._state()
        shapes = {key: tuple(tensor.shape) for key, (tensor, _) in own.items()}
        given = {key: np.shape(value) for key, value in state.items()}
        if shapes != given:
            raise ValueError(f"state does not fit: expected arrays {shapes}, got {given}")
        require_inside(state["world.agent"], self.variant.size)
        self._keep((*_SHOWN, *_JUDGED, *_FINAL))
        for key, (tensor, dtype) in self._state().items():
            tensor.copy_(_as_tensor(np.array(state[key], dtype)))

    def host_row(self, n: int) -> tuple[World, npt.NDArray[Any]]:
        """Return level n as a batch of one on the CPU, and the image that is shown of it."""
        world = World(*(tensor[n : n + 1].cpu().numpy() for tensor in self.world))
        return world, self.out.image[n].cpu().numpy()

    def _state(self) -> dict[str, tuple[torch.Tensor, np.dtype[Any]]]:
        """Return the parts of the state by the CPU's names, with the CPU's dtypes."""
        pattern: tuple[Any, Any] = self._pattern.world, self._pattern.out
        groups = zip(("world", "out"), (self.world, self.out), pattern, strict=True)
        return {
            f"{prefix}.{name}": (tensor, array.dtype)
            for prefix, tensors, arrays in groups
            for name, tensor, array in zip(tensors._fields, tensors, arrays, strict=True)
            if name not in ("scratch", "actions")
        }


def _as_tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """Return an array as a tensor; torch computes little with uint64, so those become int64."""
    return torch.from_numpy(array.view(np.int64) if array.dtype == np.uint64 else array)


class TensorColumns(Mapping[str, torch.Tensor]):
    """An (N, F) feature matrix as a mapping, whose columns are converted when they are read."""

    _KINDS = {"bool": torch.bool, "int": torch.int64, "float": torch.float64}  # noqa: RUF012

    def __init__(self, table: Sequence[Feature], values: torch.Tensor) -> None:
        """Wrap a matrix, which must not change any more.

        Args:
            table: F features.
            values: (N, F) float32.
        """
        self._table, self._values = table, values

    def __getitem__(self, name: str) -> torch.Tensor:
        """Return a feature of all rows, (N,) of the feature's own dtype."""
        for column, feature in enumerate(self._table):
            if feature.name == name:
                return self._values[:, column].to(self._KINDS[feature.dtype])
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return (feature.name for feature in self._table)

    def __len__(self) -> int:
        """Return F."""
        return len(self._table)
