"""NetHack in N rows: seeding, stepping, the time penalty, and states as recipes to play again.

A task is a subclass with one method, :meth:`NetHackWorld._judge`. What it judges are the *facts* of
two screens (see ``facts``), lists of whole numbers.

A state is a recipe: the seeds of the running episode and all actions since. ``set_state``, copies
and pickles play it again, which costs as many steps as the episode has had.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.batched.world import BatchWorld, Outcome
from operant.envs.nethack import actions as action_sets
from operant.envs.nethack import arguments, features, render, views
from operant.envs.nethack import facts as f
from operant.envs.nethack.characters import checked_character
from operant.envs.nethack.game import NetHackGame, checked_options
from operant.types import Card, Feature, Int

_NO_LEVEL_SEED = -1


@dataclasses.dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of one game.

    Attributes:
        core: Of all that happens.
        disp: Of what does not change the game.
        lgen: Of the levels alone, or None.
        level: A number for subclasses, such as which of several data files is played.
    """

    core: int
    disp: int
    lgen: int | None = None
    level: int = 0


class NetHackWorld(BatchWorld):
    """N games of NetHack and a task.

    What a task sets: the texts of its card, ``EXTRAS``, and :meth:`_judge`. What a family built on
    NetHack sets beside: ``OPTIONS``, ``NEEDS``, ``FEATURES``, :meth:`_draw` and :meth:`_begin`.

    Attributes:
        games: One game per row, None before its first reset.
    """

    FPS = 10
    RENDER_MODES = ("rgb_array", "ansi", "human")

    STORY: ClassVar[str] = ""
    REWARD: ClassVar[str] = ""
    TERMINATION: ClassVar[str] = "death"
    SUCCESS: ClassVar[str] = ""
    METRIC: ClassVar[str] = "return"
    SOURCE: ClassVar[str] = "The NetHack Learning Environment (Kuettler et al., 2020)"
    OPTIONS: ClassVar[tuple[str, ...] | None] = None
    """NetHack's game options where the user names none; None for NLE's."""
    NEEDS: ClassVar[tuple[str, ...]] = ()
    """NLE's keys that the task reads off ``game.buffers`` beside blstats, glyphs, message and
    internal."""
    FEATURES: ClassVar[tuple[Feature, ...]] = ()
    """Features that the task adds; its hooks write them into ``out.features``."""
    EXTRAS: ClassVar[Mapping[str, type[np.generic]]] = {}
    """Further infos of a step: name -> dtype; the hooks write them into ``out.extras``."""
    GOAL: ClassVar[float | None] = None
    """What the success predicate asks for, where it is a number."""
    OWN: ClassVar[frozenset[str]] = frozenset()
    """Names of the arguments that a subclass adds."""

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 5000,
        observation: str | Sequence[str] = "glyphs",
        actions: str | Sequence[int] = "task",
        character: str = "mon-hum-neu-mal",
        game_options: Sequence[str] | None = None,
        level_seed: int | None = None,
        hackdir: str | None = None,
        spawn_monsters: bool = True,
        penalty_mode: str = "constant",
        penalty_step: float = -0.01,
        penalty_time: float = 0.0,
        goal: float | None = None,
        reward: str = "true",
        **own: Any,
    ) -> None:
        """Prepare N rows; engines are loaded at the first reset.

        Args:
            num: N.
            max_steps: Time limit in env steps.
            observation: ``"glyphs"`` (glyphs, blstats, message), ``"compact"``, ``"all"``, or NLE's
                keys.
            actions: ``"task"`` (NLE's 23), ``"extended"`` (28), or key codes.
            character: Role, race, alignment and gender, or ``"@"`` for random ones.
            game_options: NetHack's options; None for those of the task.
            level_seed: Makes every episode open alike, >= 0: the first level, the hero and the
                levels below; what happens in them still differs. None for new ones.
            hackdir: Folder of the game's data file; None for NLE's.
            spawn_monsters: False to let no monster appear at random.
            penalty_mode: How steps without game time are fined: ``"constant"`` by
                ``penalty_step`` each, ``"linear"``, ``"square"`` and ``"exp"`` by more in a row,
                ``"always"`` at every step.
            penalty_step: The fine, as what is added to the reward.
            penalty_time: What is added per turn of game time.
            goal: What the success predicate asks for, where it is a number; None for the task's.
            reward: ``"true"``, or another reward that the task can pay.
            **own: Arguments of a subclass, which names them in ``OWN``; remembered for copies.

        Raises:
            ValueError: If an argument is unknown or outside its range.
        """
        remembered = {key: value for key, value in locals().items() if key not in _NOT_REMEMBERED}
        arguments.check_known(own, self.OWN, remembered)
        super().__init__(num=num, max_steps=max_steps, **remembered, **own)
        self.view = views.chosen(observation)
        self.action_names, self.keys, self._act = action_sets.chosen(actions)
        arguments.check(penalty_mode, level_seed, hackdir)
        if reward not in ("true", *self.REWARDS):
            raise ValueError(f"reward must be one of {('true', *self.REWARDS)}, got {reward!r}")
        if goal is not None and (self.GOAL is None or goal <= 0):
            raise ValueError(
                f"goal must be a number above 0, got {goal!r}"
                if self.GOAL is not None
                else "this task has no goal that is a number; leave the argument goal out"
            )
        self.goal: float = (self.GOAL or 0.0) if goal is None else goal
        options = checked_options(self.OPTIONS if game_options is None else game_options)
        self._settings: dict[str, Any] = {
            "keys": dict.fromkeys(("glyphs", *self.view.keys, *self.NEEDS)),
            "character": checked_character(character),
            "options": options,
            "hackdir": hackdir,
            "spawn_monsters": spawn_monsters,
        }
        self.level_seed, self.reward = level_seed, reward
        self._mode, self._fine, self._per_turn = penalty_mode, penalty_step, penalty_time
        self.observation_space = self.view.space
        self.action_space = gym.spaces.Discrete(len(self.keys))
        self.table = (*features.table(self.view.shows), *self.FEATURES)
        extras = {name: np.zeros(num, dtype) for name, dtype in self.EXTRAS.items()}
        self.out = Outcome.zeros(num, self.view.space, self.table, extras, paid=reward == "true")
        self._notes: Int = np.zeros((num, f.LENGTH), np.int64)
        self._facts = [notes[: f.FACTS] for notes in self._notes]
        for i, feature in enumerate(self.table[: f.FEATURES]):  # no copying: the facts themselves
            self.out.features[feature.name] = self._notes[:, i]
        self._log: list[list[int]] = [[] for _ in range(num)]  # actions of the running episodes
        self._names = [feature.name for feature in self.table]
        self.games: list[NetHackGame | None] = [None] * num
        self._spares: list[tuple[Seeds, NetHackGame] | None] = [None] * num
        self._seeds: list[Seeds | None] = [None] * num
        self._now: list[list[int]] = [[]] * num
        self._frozen, self._totals = [0] * num, [0.0] * num
        self._readings: list[tuple[Any, ...]] = [()] * num
        self._read: Any = f.read
        self._bound, self._longest = False, max_steps
        self._live: list[tuple[str, npt.NDArray[Any]]] = []  # of a world of one row

    # -- what a task or a family says -----------------------------------------------------------

    def _judge(self, row: int, before: list[int], after: list[int], over: bool) -> None:
        """Write a step's ``out.true_reward``, ``out.terminated``, ``out.success`` and extras.

        Args:
            row: The row.
            before: Facts before the step.
            after: Facts after it.
            over: True if the game is over: the hero died.
        """
        raise NotImplementedError

    def _begin(self, row: int, start: list[int]) -> None:
        """Prepare a row for a new episode, whose first facts are given."""
        del start
        self._totals[row] = 0.0

    def _collect(
        self, row: int, gain: float, before: list[int], after: list[int], over: bool
    ) -> None:
        """Judge a step of a task of collecting: success once the goal was collected.

        As in NLE, the step in which the hero dies pays nothing.
        """
        out = self.out
        reward = 0.0
        if over:
            out.terminated[row] = True
        else:
            reward = gain + self._penalty(row, before, after)
            if gain:
                self._totals[row] += gain
                out.success[row] = self._totals[row] >= self.goal
        out.true_reward[row] = reward

    def _reach(
        self, row: int, reached: bool, before: list[int], after: list[int], over: bool
    ) -> None:
        """Judge a step of a task of getting somewhere: 1 for it, and the episode ends."""
        reached = reached and not over
        reward = 0.0 if over else int(reached) + self._penalty(row, before, after)
        self.out.true_reward[row] = reward
        if over or reached:  # the flags are False since the reset
            self.out.terminated[row], self.out.success[row] = True, reached

    def _draw(self, stream: np.random.Generator) -> Seeds:
        """Draw the seeds of a row's next game from its stream, and nothing else ever."""
        core, disp = stream.integers(2**62, size=2).tolist()
        return Seeds(core, disp, self.level_seed)

    def _load(self, seeds: Seeds) -> NetHackGame:
        """Return a new engine that can play games of some seeds."""
        del seeds
        return NetHackGame(**self._settings)

    # -- episodes -------------------------------------------------------------------------------

    def idle(self) -> bool:
        """Start a row's next game beforehand, where that was not done yet."""
        for row in range(self.num):
            if self._seeds[row] is None:
                continue
            stream = np.random.default_rng(0)
            stream.bit_generator.state = self.streams[row].bit_generator.state
            seeds, spare = self._draw(stream), self._spares[row]
            if spare is None or spare[0] != seeds:
                game = self._load(seeds) if spare is None else spare[1]
                game.reset(seeds.core, seeds.disp, seeds.lgen)
                self._spares[row] = seeds, game
                return True
        return False

    def close(self) -> None:
        """Give back all engines."""
        for game in (*self.games, *(spare[1] for spare in self._spares if spare)):
            if game is not None:
                game.close()
        self.games, self._spares = [None] * self.num, [None] * self.num
        self._seeds = [None] * self.num

    def _reset(self, rows: Int) -> None:
        for row in rows.tolist():
            self._start(row, self._draw(self.streams[row]))

    def _start(self, row: int, seeds: Seeds) -> None:
        """Start a game of a row, or take the one that was started beforehand."""
        spare, game = self._spares[row], self.games[row]
        if spare is not None and spare[0] == seeds:
            self.games[row], self._spares[row] = spare[1], None
            if game is not None:
                self._spares[row] = _USED, game
        else:
            if game is None:
                game = self.games[row] = self._load(seeds)
            game.reset(seeds.core, seeds.disp, seeds.lgen)
        self._seeds[row], self._log[row] = seeds, []
        self._arrive(row)

    def _arrive(self, row: int) -> None:
        """Read the first screen of a row's game."""
        game = self.games[row]
        assert game is not None
        self._readings[row] = self._notes[row], *f.screen_of(game.buffers), *f.tables()
        self._bound = self.num == 1 and self.view.bind(self._obs(), game)
        self._live = [(key, game.buffers[key]) for key in self.view.keys]
        self._notes[row] = -1
        self._frozen[row] = 0
        self._read(*self._readings[row], False)
        self._now[row] = self._facts[row].tolist()
        self._begin(row, self._now[row])
        if not self._bound:
            self.view.write(self._obs(), row, game)

    def step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        """Take one step in some rows; see :meth:`BatchWorld.step`; no operations on arrays."""
        for row, action in zip(rows.tolist(), actions.tolist(), strict=True):
            self._move(row, action)

    def step_one(self, action: Any) -> None:
        """Take one step in the first row."""
        self._move(0, int(action))

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        raise NotImplementedError("NetHackWorld.step does it all")

    def _move(self, row: int, action: int) -> None:
        game, log = cast(NetHackGame, self.games[row]), self._log[row]
        log.append(action)
        over = self._act(game, self.keys[action])
        self._read(*self._readings[row], over)
        before, after = self._now[row], self._facts[row].tolist()
        self._now[row] = after
        self._judge(row, before, after, over)
        if not self._bound:
            self.view.write(self._obs(), row, game)
        self.elapsed[row] = len(log)
        if len(log) >= self.max_steps:
            self.out.truncated[row] = True

    def _obs(self) -> views.Arrays:
        return cast(views.Arrays, self.out.obs)

    def shown(self, row: int) -> Any:
        """Return a copy of a row's observation."""
        if self._bound:
            return {key: array.copy() for key, array in self._live}
        return super().shown(row)

    def told(self, row: int) -> dict[str, Any]:
        """Return a row's features as plain values; see :meth:`BatchWorld.told`."""
        if not self.FEATURES:
            return dict(zip(self._names, self._now[row], strict=False))
        return super().told(row)

    def _penalty(self, row: int, before: list[int], after: list[int]) -> float:
        """Return what a step's game time adds to the reward."""
        turns = after[f.TURN] - before[f.TURN]
        frozen = self._frozen[row] = 0 if turns else self._frozen[row] + 1
        fine = arguments.fine(self._mode, self._fine, frozen)
        return fine + turns * self._per_turn

    # -- states ---------------------------------------------------------------------------------

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        seeds = [
            [s.core, s.disp, _NO_LEVEL_SEED if s.lgen is None else s.lgen, s.level, 1]
            if s
            else [0] * 5
            for s in self._seeds
        ]
        actions = np.zeros((self.num, self._longest), np.int16)
        for row, log in enumerate(self._log):
            actions[row, : len(log)] = log
        return {"seeds": np.array(seeds, np.int64), "actions": actions}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        for row, (core, disp, lgen, level, begun) in enumerate(state["seeds"].tolist()):
            if begun:
                seeds = Seeds(core, disp, None if lgen == _NO_LEVEL_SEED else lgen, level)
                self._replay(row, seeds, state["actions"][row, : self.elapsed[row]])

    def _replay(self, row: int, seeds: Seeds, actions: npt.NDArray[np.int16]) -> None:
        """Bring a row's game to where some actions lead."""
        self._start(row, seeds)
        for action in actions.tolist():
            self._move(row, action)

    # -- looking --------------------------------------------------------------------------------

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the terminal as a picture, (24 * 16, 80 * 8, 3) uint8."""
        return render.frame(*self._terminal(row))

    def text(self, row: int) -> str:
        """Return the terminal as text with ANSI colours."""
        return render.text(*self._terminal(row))

    def _terminal(self, row: int) -> tuple[npt.NDArray[Any], ...]:
        """Return characters, colours and cursor; the game is played again if it lacks them."""
        game = self.games[row]
        assert game is not None
        if "tty_chars" not in game.buffers:  # they are costly: only who looks has them
            self._settings["keys"] |= dict.fromkeys(views.TTY)
            state = self.get_state()
            self.close()
            self.set_state(state)
            game = self.games[row]
            assert game is not None
        return tuple(game.buffers[key] for key in views.TTY)

    def card(self, env_id: str) -> Card:
        """Return what a user must know about it."""
        return Card(
            id=env_id,
            description=self.STORY,
            observation=self.view.words,
            action=f"Discrete({len(self.keys)}): " + ", ".join(self.action_names),
            reward=self.REWARD,
            termination=self.TERMINATION,
            truncation=f"after {self.max_steps} steps",
            success=self.SUCCESS,
            metric=self.METRIC,
            oracle="none",
            features=self.table,
            tier=1,
            extra="nethack",
            source=self.SOURCE,
        )


_NOT_REMEMBERED = {"self", "num", "max_steps", "own", "__class__"}
_USED = Seeds(-1, -1)
"""Seeds of a game that was played: no row will ask for them."""
