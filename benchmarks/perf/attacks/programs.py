"""Random programs of the language, from its description: most of them are accepted."""

from __future__ import annotations

import textwrap
from random import Random

KEYS = ("a", "b")
"""Features of the programs."""
OBS_SIZE = 3
ACTION_SIZE = 2
_LITERALS = (
    "0",
    "1",
    "2",
    "3",
    "7",
    "0.5",
    "0.1",
    "1e-3",
    "1e12",
    "2.5",
    "0x10",
    "1_000",
    "5e-324",
)
_ONE = (
    *("abs({})", "float({})", "int({})", "math.fabs({})", "math.sqrt({})", "math.exp({})"),
    *("math.log({})", "math.log1p({})", "math.tanh({})", "math.sin({})", "math.cos({})"),
    *("math.floor({})", "math.ceil({})", "-{}", "+{}", "(-{})", "(not {})", "math.isfinite({})"),
)
_TWO = (
    *("({} + {})", "({} - {})", "({} * {})", "({} / {})", "({} // {})", "({} % {})", "({} ** {})"),
    *("({} < {})", "({} >= {})", "({} == {})", "({} != {})", "({} and {})", "({} or {})"),
    *("min({}, {})", "max({}, {})", "math.atan2({}, {})", "math.hypot({}, {})"),
    *("math.copysign({}, {})", "({} * {})", "({} + {})", "({} - {})"),
)
_THREE = ("({} if {} else {})", "({} < {} <= {})", "max({}, {}, {})", "({} and {} or {})")


class Writer:
    """Writes programs of one form."""

    def __init__(self, rng: Random, *, entry: str, mem: bool, vector_action: bool) -> None:
        """Choose the form.

        Args:
            rng: Source of chance.
            entry: Name of the function.
            mem: Whether it has a memory.
            vector_action: Whether its actions are vectors.
        """
        self._rng, self._entry, self._mem, self._vectors = rng, entry, mem, vector_action
        self._length = {"signs": 2, "factors": rng.randint(1, 4)}.get(entry, 0)
        self._reads = [*(f'info["{key}"]' for key in KEYS), "obs[0]", "obs[-1]", "obs[1]"]
        if entry != "potential":
            self._reads += [f'info["prev_{key}"]' for key in KEYS]
            self._reads += ["next_obs[2]", "action[1]" if vector_action else "action"]
        if mem:
            self._reads += ["mem[0]", "mem[2]"]

    def program(self) -> str:
        """Return the text of a program."""
        first = "obs, info" if self._entry == "potential" else "obs, action, next_obs, info"
        head = f"def {self._entry}({first}{', mem' if self._mem else ''}):\n"
        read = self._rng.choice(self._reads)
        start = f"x = {read}\ny = 0.5\nnear = {read} > 0\n"
        lines = [self._block(2, 0), self._return(0)]
        return head + textwrap.indent(start + "\n".join(lines), "    ") + "\n"

    def _return(self, loops: int) -> str:
        numbers = [f"0 + {self._number(2, loops)}" for _ in range(max(1, self._length))]
        return f"return [{', '.join(numbers)}]" if self._length else f"return {numbers[0]}"

    def _block(self, depth: int, loops: int) -> str:
        return "\n".join(self._statement(depth, loops) for _ in range(self._rng.randint(1, 3)))

    def _statement(self, depth: int, loops: int) -> str:
        rng = self._rng
        kind = rng.randrange(8 if depth else 4)
        if kind < 2:
            sign = rng.choice(("=", "=", "+=", "-=", "*=", "/=", "//=", "%=", "**="))
            return f"{rng.choice('xy')} {sign} 0 + {self._number(2, loops)}"
        if kind == 2:
            return f"near = not {self._number(2, loops)}"
        if kind == 3:
            target = f"mem[{rng.randrange(3)}]" if self._mem else "y"
            return f"{target} {rng.choice(('=', '+='))} {self._number(2, loops)}"
        inside = textwrap.indent(self._block(depth - 1, loops + (kind == 4)), "    ")
        if kind == 4:
            return f"for i{loops} in range({rng.choice(('3', '-1, 2', '1', '6'))}):\n{inside}"
        text = f"if {self._number(2, loops)}:\n{inside}"
        if kind == 5:
            other = textwrap.indent(self._block(depth - 1, loops), "    ")
            return f"{text}\nelse:\n{other}"
        if kind == 6:
            return f"{text}\nelse:\n    {self._return(loops)}"
        return f"if {self._number(2, loops)}:\n    {self._return(loops)}"

    def _number(self, depth: int, loops: int) -> str:
        rng = self._rng
        if depth == 0 or rng.random() < 0.2:
            names = ["x", "y", "near"] if depth < 2 or loops else self._reads
            counters = [f"i{k}" for k in range(loops)]
            return rng.choice(
                [*_LITERALS, *self._reads, *self._reads, *counters, *counters, *names]
            )
        if rng.random() < 0.1:
            index = f"int({self._number(depth - 1, loops)})" + rng.choice(("", " % 3", " // 2"))
            return f"obs[{index}]"
        shape = rng.choice(rng.choice((_ONE, _TWO, _TWO, _TWO, _THREE)))
        return shape.format(*(self._number(depth - 1, loops) for _ in range(shape.count("{}"))))
