"""Stable-Baselines3 draws from the global generators; this gives each agent its own set of them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from operant.agents.base import Array, Arrays, Json

State = tuple[int, list[torch.Tensor], Any, Any]


class Streams:
    """A private copy of what SB3 keeps per process: global generators and the thread count.

    Within :meth:`swapped` the globals are this object's, and this object holds what the globals
    were; a nested :meth:`swapped` therefore gives the caller's own globals back.
    """

    def __init__(self, seed: int, *, threads: int, device: str) -> None:
        """Seed the streams; the globals stay as they are.

        Args:
            seed: Non-negative integer.
            threads: Intra-op threads of torch, >= 1.
            device: Torch device whose generator is also kept (``"cpu"`` needs no other).
        """
        self._generators = _torch_generators(device)
        self._held: State = (
            threads,
            [torch.Generator(g.device).manual_seed(seed).get_state() for g in self._generators],
            np.random.MT19937(seed).state,
            random.Random(seed).getstate(),
        )

    @contextlib.contextmanager
    def swapped(self) -> Iterator[None]:
        """Exchange the globals with what is held, for the time of the context."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        outside: State = (
            torch.get_num_threads(),
            [g.get_state() for g in self._generators],
            np.random.get_state(legacy=False),  # noqa: NPY002  (what SB3 uses, kept and put back)
            random.getstate(),
        )
        threads, torch_states, numpy_state, python_state = self._held
        torch.set_num_threads(threads)
        for generator, state in zip(self._generators, torch_states, strict=True):
            generator.set_state(state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
        self._held = outside

    def state(self) -> tuple[Arrays, Json]:
        """Return the held generators as arrays and JSON; call outside :meth:`swapped`."""
        _, torch_states, numpy_state, python_state = self._held
        arrays = {f"torch{i}": state.numpy().copy() for i, state in enumerate(torch_states)}
        arrays["numpy"] = np.array(numpy_state["state"]["key"])
        meta = {
            "numpy_pos": int(numpy_state["state"]["pos"]),
            "numpy_has_gauss": int(numpy_state.get("has_gauss", 0)),
            "numpy_gauss": float(numpy_state.get("gauss", 0.0)),
            "python": [python_state[0], list(python_state[1]), python_state[2]],
        }
        return arrays, meta

    def load(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Restore what :meth:`state` returned; call outside :meth:`swapped`."""
        version, words, gauss = meta["python"]
        self._held = (
            self._held[0],
            [torch.from_numpy(arrays[f"torch{i}"].copy()) for i in range(len(self._generators))],
            {
                "bit_generator": "MT19937",
                "state": {"key": arrays["numpy"], "pos": meta["numpy_pos"]},
                "has_gauss": meta["numpy_has_gauss"],
                "gauss": meta["numpy_gauss"],
            },
            (version, tuple(words), gauss),
        )


def _torch_generators(device: str) -> list[torch.Generator]:
    generators = [torch.default_generator]
    if torch.device(device).type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]  # the default generators exist only afterwards
        index = torch.device(device).index or 0
        generators.append(torch.cuda.default_generators[index])
    return generators
