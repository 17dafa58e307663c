"""What all MiniHack-style worlds share: a level of our own, its seeds, its truth, its reward.

An episode's *level seed* decides everything up to the first move: the level, where the hero starts
and what the hero is like. A *play seed* decides what chance does from then on. Both come from the
row's stream; ``level_seed``, ``train_levels`` and ``test_levels`` leave only the play seed to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from operant.envs.minihack import levels
from operant.envs.minihack.ground import Ground
from operant.envs.minihack.lock import APPLY, COMPASS, apply_key
from operant.envs.minihack.seeds import MOST_LEVEL_SEEDS, level_seeds, opening
from operant.envs.minihack.ways import FAR, Ways
from operant.envs.nethack import actions as action_sets
from operant.envs.nethack import facts as f
from operant.envs.nethack.game import NetHackGame
from operant.envs.nethack.recipes import Seeds
from operant.envs.nethack.world import NetHackWorld
from operant.types import Card, Feature, Oracle

GAME_OPTIONS = (
    *("!autopickup", "pettype:none", "color", "disclose:+i +a +v +g +c +o", "mention_walls"),
    *("nobones", "nocmdassist", "nolegacy", "nosparkle", "pickup_burden:unencumbered"),
    *("runmode:teleport", "showexp", "showscore", "time"),
)
"""NLE's, but the hero neither has a pet nor picks up what lies about."""
OPEN, KICK, SEARCH, PICK_UP = ord("o"), action_sets.CTRL_D, ord("s"), ord(",")
NAMES = {OPEN: "open", PICK_UP: "pick_up", APPLY: "apply_key"}

_TRIES = 100
"""Levels that are drawn before a level without a fair one is given up."""


def number(name: str, description: str, high: int, unit: str = "") -> Feature:
    """Return a feature that is a whole number from 0 on, read off the game's memory."""
    return Feature(
        name=name,
        description=description,
        low=0,
        high=high,
        unit=unit,
        dtype="int",
        privileged=True,
    )


def moves_to(name: str, what: str) -> Feature:
    """Return a feature that is a distance."""
    words = f"fewest moves to {what}, had every door been open; {FAR} if there is no way"
    return number(name, words, FAR, "actions")


def flag(name: str, description: str) -> Feature:
    """Return a feature that is 0 or 1, read off the game's memory."""
    return Feature(name=name, description=description, low=0, high=1, dtype="bool", privileged=True)


TO_STAIRS = moves_to("steps_to_stairs", "the stairs")
GENERAL = (
    TO_STAIRS,
    number("subgoal", "what is needed next: 0 the stairs; 1 would be nothing more", 1),
    moves_to("steps_to_subgoal", "the place where `subgoal` is settled"),
)
"""Features of worlds without stages on the way."""


class HackWorld(NetHackWorld):
    """N games on a level of our own, won by standing on its stairs down.

    A world sets the texts of its card, its ``FEATURES`` and ``EXTRAS``, and, where it has more than
    the way to the stairs, :meth:`_survey` and :meth:`_events`.
    """

    REWARD = "1 for standing on the stairs down, 0 otherwise"
    TERMINATION = "the hero stands on the stairs down, or dies"
    SUCCESS = "the hero stands on the stairs down"
    METRIC = "success"
    SOURCE = (
        "MiniHack (Samvelyan et al., 2021) for the task; the level's text, its features and its "
        "events are ours"
    )
    OPTIONS = GAME_OPTIONS
    OWN = frozenset({"train_levels", "test_levels"})
    FEATURES: ClassVar[tuple[Feature, ...]] = GENERAL
    EXTRAS: ClassVar[Mapping[str, type[np.generic]]] = {
        "reached_stairs": np.bool_,
        "level_seed": np.int64,
    }
    EXPERT: ClassVar[str] = ""
    ACTIONS: ClassVar[tuple[int, ...]] = COMPASS

    def __init__(
        self,
        *,
        des: str,
        num: int = 1,
        max_steps: int,
        actions: str | Sequence[int] | None = None,
        character: str = "rog-hum-cha-mal",
        level_seed: int | None = None,
        train_levels: int | Sequence[int] | None = None,
        test_levels: int | Sequence[int] | None = None,
        spawn_monsters: bool = False,
        penalty_step: float = 0.0,
        own: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Compile the level and prepare N rows.

        Args:
            des: The level in NetHack's language.
            num: N.
            max_steps: Time limit in env steps.
            actions: A set of NetHack worlds, or key codes; None for the world's own.
            character: Role, race, alignment and gender.
            level_seed: Seed of the one level that all episodes play, >= 0.
            train_levels: The level seeds that episodes choose from, or how many: 0, 1, ...
            test_levels: The same; a number means others than of any number of ``train_levels``.
            spawn_monsters: True to let monsters appear at random.
            penalty_step: Added to the reward of a step without game time; see NetHack worlds.
            own: Arguments of the subclass, for copies.
            **options: Other arguments of NetHack worlds.

        Raises:
            LevelError: If the level does not compile.
            LevelToolError: If this machine cannot compile levels.
            ValueError: If an argument is unknown or outside its range.
        """
        if "hackdir" in options:
            raise ValueError("hackdir is this world's own, for its level; leave it out")
        self._levels = level_seeds(level_seed, train_levels, test_levels)
        mine = actions is None
        self._des, self._place = des, levels.hackdir(des)
        super().__init__(
            num=num,
            max_steps=max_steps,
            actions=self.ACTIONS if actions is None else actions,
            character=character,
            level_seed=level_seed,
            hackdir=str(self._place),
            spawn_monsters=spawn_monsters,
            penalty_step=penalty_step,
            train_levels=train_levels,
            test_levels=test_levels,
            **options,
            **(own or {}),
        )
        del self.options["hackdir"]  # a copy finds or makes its own
        if mine:
            self.options["actions"] = None
        self.action_names = tuple(
            NAMES.get(key, name) for key, name in zip(self.keys, self.action_names, strict=True)
        )
        self._plain = self._act
        self._act = self._pressed
        self._row = 0
        self._grounds: list[Ground | None] = [None] * num
        self._ways: list[Ways | None] = [None] * num
        self._seen: list[dict[str, int]] = [{}] * num

    # -- what a world says ----------------------------------------------------------------------

    def _fair(self, ground: Ground, ways: Ways) -> bool:
        """Tell whether an episode may begin like this; another level is drawn otherwise."""
        return 0 < ways.steps(ground.stairs, ground.hero) < FAR

    def _survey(self, row: int, ground: Ground, ways: Ways) -> dict[str, int]:
        """Return the features that this world adds, by name."""
        del row
        steps = ways.steps(ground.stairs, ground.hero)
        return {"steps_to_stairs": steps, "subgoal": 0, "steps_to_subgoal": steps}

    def _events(self, row: int, before: dict[str, int], after: dict[str, int]) -> None:
        """Write the extras of a step, given the features before and after it."""

    def _story(self) -> str:
        """Return the description."""
        return self.STORY

    def _known(self) -> Literal["exact", "upper_bound"]:
        """Return how good the oracle is."""
        return "upper_bound"

    # -- episodes -------------------------------------------------------------------------------

    def _draw(self, stream: np.random.Generator) -> Seeds:
        play = int(stream.integers(2**62))
        if self._levels is None:
            level = int(stream.integers(2 * MOST_LEVEL_SEEDS, 2**62))
        else:
            level = self._levels[int(stream.integers(len(self._levels)))]
        return Seeds(*opening(level, 0), level=play)

    def _start(self, row: int, seeds: Seeds) -> None:
        if not (self._place / levels.DATA).is_file():  # somebody emptied the cache meanwhile
            levels.hackdir(self._des)
        try:
            super()._start(row, seeds)
        except RuntimeError as error:
            raise levels.LevelError(
                f"the level compiles, but NetHack cannot build it ({error}); check that its parts "
                "lie inside its maps, and that its rooms and things find a place"
            ) from None

    def _arrive(self, row: int) -> None:
        game, seeds = self.games[row], self._seeds[row]
        assert game is not None
        assert seeds is not None
        assert seeds.lgen is not None
        for attempt in range(1, _TRIES + 1):
            ground = Ground(game)
            ways = Ways(ground)
            if self._fair(ground, ways):
                break
            game.reset(*opening(seeds.lgen, attempt))
        else:
            raise levels.LevelError(
                f"in {_TRIES} levels drawn from this des-file no way led from the hero's start to "
                "stairs down; give it STAIR:...,down at another place, to which one leads"
            )
        game.reseed(seeds.level, seeds.level, seeds.lgen)
        self._grounds[row], self._ways[row] = ground, ways
        super()._arrive(row)

    def _begin(self, row: int, start: Sequence[int]) -> None:
        super()._begin(row, start)
        ground, ways, seeds = self._grounds[row], self._ways[row], self._seeds[row]
        assert ground is not None
        assert ways is not None
        assert seeds is not None
        assert seeds.lgen is not None
        self._note(row, self._survey(row, ground, ways))
        for values in self.out.extras.values():
            values[row] = 0
        self.out.extras["level_seed"][row] = seeds.lgen

    def _note(self, row: int, seen: dict[str, int]) -> None:
        self._seen[row] = seen
        for name, value in seen.items():
            self.out.features[name][row] = value

    def _move(self, row: int, action: int) -> None:
        self._row = row
        super()._move(row, action)

    def _judge(self, row: int, before: Sequence[int], after: Sequence[int], over: bool) -> None:
        here = after[f.DUNGEON] == 0 and after[f.FLOOR] == 1
        reached = here and bool(after[f.ON_STAIRS])
        self._reach(row, reached, before, after, over)
        last, ground, ways = self._seen[row], self._grounds[row], self._ways[row]
        assert ground is not None
        assert ways is not None
        if here and not over:
            ways.refresh()
            self._note(row, self._survey(row, ground, ways))
        self.out.extras["reached_stairs"][row] = reached and not over
        self._events(row, last, self._seen[row])

    def told(self, row: int) -> dict[str, Any]:
        """Return a row's features as plain values; see :meth:`BatchWorld.told`."""
        return {**dict(zip(self._names, self._facts[row], strict=False)), **self._seen[row]}

    def close(self) -> None:
        """Give back all engines, and forget where their tables were."""
        self._grounds, self._ways = [None] * self.num, [None] * self.num
        super().close()

    # -- actions --------------------------------------------------------------------------------

    def _pressed(self, game: NetHackGame, key: int) -> bool:
        """Press a key, or do what an action of several keys stands for."""
        ground = self._grounds[self._row]
        assert ground is not None
        if key == APPLY:
            return apply_key(game, ground)
        if key == PICK_UP:
            return action_sets.act_with_help(game, key)
        return self._plain(game, key)

    # -- looking --------------------------------------------------------------------------------

    def oracle(self, row: int) -> Oracle:
        """Return the most that an episode can still pay."""
        left = self.elapsed[row] < self.max_steps and not self.out.terminated[row]
        return Oracle(
            kind="upper_bound",
            optimal_return=float(left),
            solution_length=None,
            actions=(),
            method="the true reward pays at most 1, once",
        )

    def card(self, env_id: str) -> Card:
        """Return what a user must know about it."""
        fined = f"; {self._fine:g} for steps without game time" if self._fine else ""
        return dataclasses.replace(
            super().card(env_id),
            description=self._story(),
            reward=self.REWARD + fined,
            oracle=self._known(),
            expert=self.EXPERT,
        )
