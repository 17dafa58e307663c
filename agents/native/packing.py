"""Numbers the distinct inputs of a network, in the order in which they appear."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from operant.agents.base import Array, Arrays
from operant.agents.native.kernels import Ids, Words, kernel

_FIRST_ROWS = 1024


class Packing:
    """Lays the parts of an input side by side, as fixed-width rows of 64-bit words.

    Attributes:
        words: Words per row, W >= 1.
    """

    def __init__(self, parts: Mapping[str, Array]) -> None:
        """Take the layout from an example.

        Args:
            parts: A batch of inputs by key, (B, ...) numbers or booleans; B may be 0.

        Raises:
            ValueError: If a part does not hold plain numbers.
        """
        self._shapes = {key: part.shape[1:] for key, part in parts.items()}
        for key, part in parts.items():
            if part.dtype.kind not in "biuf":
                raise ValueError(f"input[{key!r}] must hold numbers, got dtype {part.dtype}")
        # Widest types first: every number is then aligned.
        order = sorted(parts, key=lambda key: (-parts[key].dtype.itemsize, key))
        widths = [int(np.prod(self._shapes[key])) * parts[key].dtype.itemsize for key in order]
        self.words = max(1, -(-sum(widths) // 8))
        self._record = np.dtype(
            {
                "names": [f"part {key}" for key in order],  # a field's name must not be empty
                "formats": [
                    (parts[key].dtype, (int(np.prod(self._shapes[key])),)) for key in order
                ],
                "offsets": [sum(widths[:i]) for i in range(len(order))],
                "itemsize": 8 * self.words,
            }
        )

    def pack(self, parts: Mapping[str, Array]) -> Words:
        """Return a batch of inputs by key, (B, ...), as (B, W) words.

        Raises:
            ValueError: If keys, shapes or types are not those of the example.
        """
        if parts.keys() != self._shapes.keys():
            raise ValueError(f"inputs must have the keys {[*self._shapes]}, got {[*parts]}")
        size = len(next(iter(parts.values()))) if parts else 0
        rows = np.zeros((size, self.words), np.uint64)
        fields = rows.view(self._record)[:, 0]
        for key, part in parts.items():
            field = fields[f"part {key}"]
            if part.shape != (size, *self._shapes[key]) or part.dtype != field.dtype:
                raise ValueError(
                    f"input[{key!r}] must be ({size}, *{self._shapes[key]}) {field.dtype}, got "
                    f"{part.shape} {part.dtype}"
                )
            field[...] = part.reshape(field.shape)
        return rows

    def unpack(self, rows: Words) -> Arrays:
        """Return the inputs that (B, W) rows were packed from, as new arrays."""
        fields = np.ascontiguousarray(rows).view(self._record)[:, 0]
        return {
            key: np.ascontiguousarray(fields[f"part {key}"]).reshape(len(rows), *shape)
            for key, shape in self._shapes.items()
        }


class DistinctTable:
    """Numbers rows of words: equal rows have equal ids, new rows the next id.

    Rows are compared whole; their hashes only say where to look.
    """

    def __init__(self, words: int) -> None:
        """Make an empty table.

        Args:
            words: Words per row, W >= 1.
        """
        self._rows: Words = np.zeros((_FIRST_ROWS, words), np.uint64)
        self._hashes: Words = np.zeros(_FIRST_ROWS, np.uint64)
        self._slots: Ids = np.full(4 * _FIRST_ROWS, -1, np.int64)
        self._marks: Ids = np.full(_FIRST_ROWS, -1, np.int64)
        self._count = 0

    def __len__(self) -> int:
        """Return the number of distinct rows so far."""
        return self._count

    @property
    def rows(self) -> Words:
        """The distinct rows by id, (Q, W); a view, valid until the next :meth:`ids`."""
        return self._rows[: self._count]

    def clear(self) -> None:
        """Forget all rows; the memory is kept."""
        self._slots.fill(-1)
        self._count = 0

    def ids(self, packed: Words) -> Ids:
        """Return the ids of (B, W) rows, (B,); rows not seen before get the next ids in order.

        Raises:
            ValueError: If the rows have another width.
        """
        if packed.ndim != 2 or packed.shape[1] != self._rows.shape[1]:
            raise ValueError(
                f"packed must have the shape (B, {self._rows.shape[1]}), got {packed.shape}"
            )
        packed = np.ascontiguousarray(packed)
        ids, done = np.empty(len(packed), np.int64), 0
        while True:
            done, self._count = _number(
                packed, done, self._rows, self._hashes, self._slots, self._count, ids
            )
            if done == len(packed):
                return ids
            self._grow()

    def listed(self, ids: Ids) -> tuple[Ids, Ids]:
        """Return the different ones among (B,) ids, (Q,), and the place of each in that list, (B,).

        The list is in the order of first appearance.

        Raises:
            ValueError: If there is no row with such an id.
        """
        self.check(ids)
        unique, positions = np.empty(len(ids), np.int64), np.empty(len(ids), np.int64)
        return unique[: _list(ids, self._marks, unique, positions)], positions

    def check(self, ids: Ids) -> None:
        """Check that ids are of rows in the table.

        Raises:
            ValueError: If one is not, as after :meth:`clear`.
        """
        if len(ids) and not 0 <= ids.min() <= ids.max() < self._count:
            raise ValueError(
                f"ids must lie in [0, {self._count}), got {ids.min()} to {ids.max()}; the table "
                f"may have been cleared since"
            )

    def _grow(self) -> None:
        more = len(self._rows)
        self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._marks = np.full(2 * more, -1, np.int64)
        self._slots = np.full(8 * more, -1, np.int64)  # at most a quarter is used
        _place(self._hashes, self._count, self._slots)


@kernel
def _number(
    packed: Words, start: int, rows: Words, hashes: Words, slots: Ids, count: int, ids: Ids
) -> tuple[int, int]:
    """Number rows from ``start`` on until the table is full; return where it stopped."""
    words, last = packed.shape[1], np.uint64(slots.size - 1)
    for i in range(start, packed.shape[0]):
        mixed = np.uint64(0x9E3779B97F4A7C15)
        for k in range(words):
            mixed = (mixed ^ packed[i, k]) * np.uint64(0xD6E8FEB86659FD93)
            mixed ^= mixed >> np.uint64(32)
        slot = mixed & last
        found = slots[slot]
        while found >= 0:
            same = hashes[found] == mixed
            k = 0
            while same and k < words:
                same = rows[found, k] == packed[i, k]
                k += 1
            if same:
                break
            slot = (slot + np.uint64(1)) & last
            found = slots[slot]
        if found < 0:
            if count == rows.shape[0]:
                return i, count
            for k in range(words):
                rows[count, k] = packed[i, k]
            hashes[count] = mixed
            slots[slot] = found = count
            count += 1
        ids[i] = found
    return packed.shape[0], count


@kernel
def _place(hashes: Words, count: int, slots: Ids) -> None:
    """Enter ``count`` rows, known to differ, into empty slots."""
    last = np.uint64(slots.size - 1)
    for row in range(count):
        slot = hashes[row] & last
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & last
        slots[slot] = row


@kernel
def _list(ids: Ids, marks: Ids, unique: Ids, positions: Ids) -> int:
    """List the different ids; ``marks``, one per id, is -1 before and after."""
    count = 0
    for i in range(ids.size):
        place = marks[ids[i]]
        if place < 0:
            place = count
            marks[ids[i]] = place
            unique[count] = ids[i]
            count += 1
        positions[i] = place
    for k in range(count):
        marks[unique[k]] = -1
    return count
