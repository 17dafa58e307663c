"""Features as infos hold them: read off a screen at once, put into a dict when somebody looks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.nethack.facts import FEATURES
from operant.envs.nethack.turn import facts_of

_NUMBERS = struct.Struct(f"{FEATURES}q")
_UNTOLD: Any = {object(): None}
"""What is in it before: C code that takes an empty dict for granted, as json does, looks then."""


class Told(dict[str, Any]):
    """A dict of features that is filled at the first look at it, and an ordinary one from then on.

    Most steps of a training run end without a look, and filling it takes longer than all else that
    a step does outside of the engine. Copies and pickles are plain dicts.
    """

    __slots__ = ("_names", "_raw")
    _names: Sequence[str]
    _raw: bytes | npt.NDArray[np.uint8] | None

    def __missing__(self, key: str) -> Any:
        """Fill it, if that is why the key is missing."""
        if self._raw is None:
            raise KeyError(key)
        self._fill()
        return self[key]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as a plain dict."""
        return dict, (self.copy(),)

    def _fill(self) -> None:
        if (raw := self._raw) is not None:
            self._raw = None
            super().clear()
            numbers = _NUMBERS.unpack(raw if isinstance(raw, bytes) else facts_of(raw))
            super().update(zip(self._names, numbers, strict=True))


def told_later(names: Sequence[str], raw: bytes | npt.NDArray[np.uint8]) -> Told:
    """Return features that are told when somebody looks.

    Args:
        names: Their names.
        raw: Their values, int64, as bytes, or a screen that nobody has studied yet, which nobody
            else may change.
    """
    told = Told(_UNTOLD)  # made in C: a constructor in Python would take twice as long
    told._names, told._raw = names, raw
    return told


def _filled_first(name: str) -> Callable[..., Any]:
    """Return a dict's method that fills it beforehand."""
    method = getattr(dict, name)

    def filled(self: Told, *args: Any, **named: Any) -> Any:
        for told in (self, *args):
            if isinstance(told, Told):
                told._fill()
        return method(self, *args, **named)

    filled.__name__, filled.__doc__ = name, method.__doc__
    return filled


for _name in (
    *("__contains__", "__iter__", "__len__", "__reversed__", "__repr__", "__eq__", "__ne__"),
    *("__or__", "__ror__", "__ior__", "__setitem__", "__delitem__"),
    *("get", "keys", "values", "items", "copy", "pop", "popitem", "setdefault", "update", "clear"),
):
    setattr(Told, _name, _filled_first(_name))
