"""HackRoom: a room, the hero, the stairs; darkness, monsters and traps by option."""

from __future__ import annotations

from typing import Any, Literal

from operant.envs.minihack import texts
from operant.envs.minihack.world import HackWorld
from operant.envs.nethack.batch import nethack_makers
from operant.types import Oracle


class HackRoom(HackWorld):
    """N rooms with stairs down somewhere.

    Without monsters and traps the optimum is known.
    """

    OWN = HackWorld.OWN | {"size", "random", "lit", "monsters", "traps"}

    def __init__(
        self,
        *,
        size: int = 5,
        random: bool = False,
        lit: bool = True,
        monsters: int = 0,
        traps: int = 0,
        max_steps: int | None = None,
        **options: Any,
    ) -> None:
        """Build the level.

        Args:
            size: Cells along each side of the room, 2 to 19.
            random: Hero and stairs anywhere, not in opposite corners.
            lit: False for a dark room, in which one sees the neighbouring cells only.
            monsters: Random monsters, 0 to 50.
            traps: Random traps, 0 to 50.
            max_steps: Time limit in env steps; None for 20 times the size.
            **options: See :class:`HackWorld`.

        Raises:
            ValueError: If a number is outside its range.
        """
        for name, value, least, most in (
            ("size", size, 2, 19),
            ("monsters", monsters, 0, 50),
            ("traps", traps, 0, 50),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} must lie in [{least}, {most}], got {value!r}")
        self._size, self._random, self._lit = size, random, lit
        self._monsters, self._traps = monsters, traps
        super().__init__(
            des=texts.room(size, random=random, lit=lit, monsters=monsters, traps=traps),
            max_steps=20 * size if max_steps is None else max_steps,
            own={
                "size": size,
                "random": random,
                "lit": lit,
                "monsters": monsters,
                "traps": traps,
            },
            **options,
        )

    def _story(self) -> str:
        where = "anywhere" if self._random else "in opposite corners"
        light = "lit" if self._lit else "dark: one sees only the cells around"
        dangers = [
            f"{n} {word}{'s' * (n > 1)}"
            for n, word in ((self._monsters, "random monster"), (self._traps, "random trap"))
            if n
        ]
        within = f" It holds {' and '.join(dangers)}." if dangers else ""
        return (
            f"A room of {self._size}x{self._size} cells, {light}; hero and stairs are {where}."
            + within
        )

    def _known(self) -> Literal["exact", "upper_bound"]:
        quiet = not self._monsters and not self._traps and self.keys[:8] == self.ACTIONS
        paid = self._mode == "always" or self._per_turn  # then haste pays beside success
        return "exact" if quiet and not paid else "upper_bound"

    def oracle(self, row: int) -> Oracle:
        """Return a shortest way where nothing can come between, else that 1 is the most."""
        if self._known() != "exact":
            return super().oracle(row)
        ground, ways = self._grounds[row], self._ways[row]
        left = self.max_steps - int(self.elapsed[row])
        path: tuple[int, ...] = ()
        if ground is not None and ways is not None and ground.stairs and left > 0:
            path = ways.path(ground.stairs, ground.hero)
        ended = bool(self.out.terminated[row])
        within = 0 < len(path) <= left and not ended
        return Oracle(
            kind="exact",
            optimal_return=float(within),
            solution_length=len(path) if within else None,
            actions=path if within else (),
            method="breadth-first search over the level",
        )


make, make_vector = nethack_makers(HackRoom)
