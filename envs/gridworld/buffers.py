"""What a batch step reads and writes, and the single handle by which compiled code finds it all.

Handing numba some twenty arrays costs more than stepping an env, so Python hands it one: a table of
numbers (the constants of the level, then each array's address and shape), from which compiled code
builds its tuples again.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import typeof as numba_typeof
from numba import types as numba_types
from numba.core import cgutils as numba_cgutils
from numba.extending import intrinsic
from numba.np import arrayobj as numba_arrays

from operant.envs.gridworld.world import Size, World
from operant.types import Bool, Float, Int

# numba's own code is untyped.
typeof: Any = numba_typeof
types: Any = numba_types
cgutils: Any = numba_cgutils
arrays: Any = numba_arrays


PROGRAM = 0
"""Where the table holds the address of a reward program; see ``programs``."""


class Buffers(NamedTuple):
    """What a batch step reads (actions) and writes.

    Attributes:
        actions: (N,) int64, read.
        image: (N, ...) views; shape and dtype are the view's.
        direction: (N,) int64.
        mission: (N, K) int64, the mission's words.
        features: (N, F) float32, of the state that is shown.
        reward: (N,) float64, what the env pays.
        true_reward: (N,) float64.
        proxy_reward: (N,) float64; the true reward where the family has no proxy.
        terminated: (N,) bool.
        truncated: (N,) bool.
        success: (N,) bool.
        pending: (N,) bool, rows whose next step is a reset (NEXT_STEP) or an error (NO_RESET).
        final_image: As ``image``, of the true last state; valid where an episode just ended in
            SAME_STEP mode, as are the next three.
        final_direction: As ``direction``.
        final_mission: As ``mission``.
        final_features: As ``features``.
    """

    actions: Int
    image: npt.NDArray[Any]
    direction: Int
    mission: Int
    features: npt.NDArray[np.float32]
    reward: Float
    true_reward: Float
    proxy_reward: Float
    terminated: Bool
    truncated: Bool
    success: Bool
    pending: Bool
    final_image: npt.NDArray[Any]
    final_direction: Int
    final_mission: Int
    final_features: npt.NDArray[np.float32]


def new_buffers(
    num: int, image: tuple[int, ...], dtype: type[np.generic], words: int, features: int
) -> Buffers:
    """Allocate the buffers of N rows.

    Args:
        num: N.
        image: Shape of one row's image.
        dtype: Of the image.
        words: Words of the mission, K.
        features: Number of features, F.
    """

    def views() -> tuple[npt.NDArray[Any], Int, Int, npt.NDArray[np.float32]]:
        return (
            np.zeros((num, *image), dtype),
            np.zeros(num, np.int64),
            np.zeros((num, words), np.int64),
            np.zeros((num, features), np.float32),
        )

    image_now, direction, mission, table = views()
    final_image, final_direction, final_mission, final_table = views()
    return Buffers(
        actions=np.zeros(num, np.int64),
        image=image_now,
        direction=direction,
        mission=mission,
        features=table,
        reward=np.zeros(num),
        true_reward=np.zeros(num),
        proxy_reward=np.zeros(num),
        terminated=np.zeros(num, np.bool_),
        truncated=np.zeros(num, np.bool_),
        success=np.zeros(num, np.bool_),
        pending=np.zeros(num, np.bool_),
        final_image=final_image,
        final_direction=final_direction,
        final_mission=final_mission,
        final_features=final_table,
    )


class Batch:
    """N levels with their buffers: what kernels work on.

    Attributes:
        size: Constants of the levels.
        world: Their state.
        out: Their buffers.
        table: (L,) int64, the handle; it goes stale if an array is replaced, so none ever is.
    """

    def __init__(self, size: Size, world: World, out: Buffers) -> None:
        """Bundle arrays, which must be C-contiguous."""
        self.size, self.world, self.out = size, world, out
        numbers = [0, *size[:-1], *size.options]
        for array in (*world, *out):
            numbers += [array.ctypes.data, *array.shape]
        self.table = np.array(numbers, np.int64)

    def __getstate__(self) -> tuple[Size, World, Buffers]:
        """Leave the addresses out."""
        return self.size, self.world, self.out

    def __setstate__(self, state: tuple[Size, World, Buffers]) -> None:
        """Take the arrays' new addresses."""
        self.__init__(*state)  # type: ignore[misc]


def unpacker(sample: Batch, known: Set[str]) -> Callable[..., tuple[World, Size, Buffers]]:
    """Return a function for compiled code: from a batch's table to its (world, size, buffers).

    Args:
        sample: Any batch whose arrays have the same ranks and dtypes.
        known: Arrays whose rows have the sample's shape in all batches. It is compiled in, so that
            finding an entry takes no multiplication by a number that has to be loaded.
    """
    kinds = [typeof(group) for group in (sample.world, sample.size, sample.out)]
    world_type, size_type, out_type = kinds
    groups: list[tuple[Any, Any]] = [(world_type, sample.world), (out_type, sample.out)]

    @intrinsic
    def unpack(typing_context: Any, table: Any) -> Any:  # noqa: ARG001 (numba's signature)
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = arrays.make_array(signature.args[0])(context, builder, args[0]).data
            taken = PROGRAM + 1

            def word() -> Any:
                nonlocal taken
                taken += 1
                return builder.load(
                    builder.gep(words, [context.get_constant(types.intp, taken - 1)])
                )

            def array(kind: Any, name: str, like: npt.NDArray[Any]) -> Any:
                made = arrays.make_array(kind)(context, builder)
                address, shape = word(), [word() for _ in range(kind.ndim)]
                if name in known:
                    shape[1:] = [context.get_constant(types.intp, k) for k in like.shape[1:]]
                item = context.get_abi_sizeof(context.get_data_type(kind.dtype))
                steps = [context.get_constant(types.intp, item)]
                for length in reversed(shape[1:]):
                    steps.insert(0, builder.mul(steps[0], length))
                arrays.populate_array(
                    made,
                    data=builder.inttoptr(address, made.data.type),
                    shape=cgutils.pack_array(builder, shape),
                    strides=cgutils.pack_array(builder, steps),
                    itemsize=steps[-1],
                    meminfo=None,
                )
                return made._getvalue()

            plain = [word() for _ in range(len(size_type) - 1)]
            options = context.make_tuple(
                builder, size_type[-1], [word() for _ in range(len(size_type[-1]))]
            )
            size = context.make_tuple(builder, size_type, [*plain, options])
            world, out = (
                context.make_tuple(
                    builder,
                    kind,
                    [array(*part) for part in zip(kind, like._fields, like, strict=True)],
                )
                for kind, like in groups
            )
            return context.make_tuple(builder, signature.return_type, [world, size, out])

        return types.Tuple([world_type, size_type, out_type])(table), generate

    unpacked: Callable[..., tuple[World, Size, Buffers]] = unpack
    return unpacked
