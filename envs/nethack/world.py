"""NetHack in N rows: stepping and judging; see ``recipes`` for how games begin, and for states.

A task is a subclass with one method, :meth:`NetHackWorld._judge`, or with ``PAYS`` where one fact
decides. What is judged are the *facts* of two screens (see ``facts``), whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import getrefcount
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.batched.world import Outcome
from operant.envs.nethack import actions as action_sets
from operant.envs.nethack import arguments, features, judging, views
from operant.envs.nethack import facts as f
from operant.envs.nethack.characters import checked_character
from operant.envs.nethack.game import NetHackGame, checked_options
from operant.envs.nethack.pressing import STEP
from operant.envs.nethack.recipes import ReplayedGames, Seeds
from operant.envs.nethack.shelf import Copies
from operant.envs.nethack.told import told_later
from operant.envs.nethack.turn import (
    ALIVE,
    DEAD,
    OPENING,
    OVER,
    SCREEN,
    STUDY,
    SUCCESS,
    TERMINATED,
    WENT_DOWN,
    TurnRow,
)
from operant.types import Card, Feature, Int

_Shelf = list[tuple[Copies, TurnRow]]
_Lean = tuple[NetHackGame, list[int], _Shelf, "memoryview[float]", "memoryview[int]"]


class NetHackWorld(ReplayedGames):
    """N games of NetHack and a task.

    What a task sets: the texts of its card, ``EXTRAS``, and ``PAYS`` or :meth:`_judge`. What a
    family built on NetHack sets beside: ``OPTIONS``, ``NEEDS``, ``FEATURES``, :meth:`_draw` and
    :meth:`_begin`.

    Attributes:
        games: One game per row, None before its first reset.
        seats: The same, with the memory that it is played in.
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
    PAYS: ClassVar[tuple[int, int]] = (judging.OTHERS, 0)
    """Kind of task and the fact that decides it, where one does; see ``judging``."""
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
        self._before: Int = np.zeros((num, f.FACTS), np.int64)
        self._ledgers = np.zeros((num, judging.LEDGER))
        kind, fact = self.PAYS if type(self)._judge is NetHackWorld._judge else (judging.OTHERS, 0)
        modes = judging.MODES.index(penalty_mode), penalty_step, penalty_time
        self._ledgers[:, : judging.FROZEN] = kind, fact, self.goal, *modes
        self._compiled = kind != judging.OTHERS  # whether machine code is the judge
        self._glances = self._compiled and fact in f.GLANCED and not (self.EXTRAS or self.FEATURES)
        for i, feature in enumerate(self.table[: f.FEATURES]):  # no copying: the facts themselves
            self.out.features[feature.name] = self._notes[:, i]
        self._log: list[list[int]] = [[] for _ in range(num)]  # actions of the running episodes
        self._names = [feature.name for feature in self.table]
        self.games: list[NetHackGame | None] = [None] * num
        self._spares: list[tuple[Seeds, NetHackGame] | None] = [None] * num
        self._seeds: list[Seeds | None] = [None] * num
        self.seats: list[TurnRow | None] = [None] * num
        # Memory of each row as Python reads it fastest.
        self._facts = [memoryview(notes[: f.FACTS]) for notes in self._notes]
        self._told = [memoryview(notes[: f.FEATURES]) for notes in self._notes]
        self._last = [memoryview(before) for before in self._before]
        self._pay_of: list[memoryview[float]] = [
            memoryview(cast(Any, ledger)) for ledger in self._ledgers
        ]
        self._shelf: _Shelf = []  # of a world of one row
        self._bound, self._longest = False, max_steps
        self._live: list[tuple[str, npt.NDArray[Any]]] = []  # of a world of one row
        self._lean: _Lean | None = None  # of a world of one row that machine code steps alone

    # -- what a task or a family says -----------------------------------------------------------

    def _judge(self, row: int, before: Sequence[int], after: Sequence[int], over: bool) -> None:
        """Write a step's ``out.true_reward``, ``out.terminated``, ``out.success`` and extras.

        Args:
            row: The row.
            before: Facts before the step.
            after: Facts after it.
            over: True if the game is over: the hero died.
        """
        ledger = self._ledgers[row]
        judging.judge(ledger, np.array(before, np.int64), np.array(after, np.int64), over)
        self._pay(row)

    def _begin(self, row: int, start: Sequence[int]) -> None:
        """Prepare a row for a new episode, whose first facts are given."""
        del start
        self._ledgers[row, judging.FROZEN :] = 0.0

    def _collect(
        self, row: int, gain: float, before: Sequence[int], after: Sequence[int], over: bool
    ) -> None:
        """Judge a step of a task of collecting; see ``judging``."""
        turns = after[f.TURN] - before[f.TURN]
        judging.collect(self._ledgers[row], float(gain), turns, over)
        self._pay(row)

    def _reach(
        self, row: int, reached: bool, before: Sequence[int], after: Sequence[int], over: bool
    ) -> None:
        """Judge a step of a task of getting somewhere; see ``judging``."""
        turns = after[f.TURN] - before[f.TURN]
        judging.reach(self._ledgers[row], bool(reached), turns, over)
        self._pay(row)

    def _pay(self, row: int) -> None:
        """Write what the ledger says where everybody looks."""
        out, paid = self.out, self._pay_of[row]
        out.true_reward[row] = paid[judging.REWARD]
        out.terminated[row] = paid[judging.TERMINATED]
        out.success[row] = paid[judging.SUCCESS]

    def _draw(self, stream: np.random.Generator) -> Seeds:
        """Draw the seeds of a row's next game from its stream, and nothing else ever."""
        core, disp = stream.integers(2**62, size=2).tolist()
        return Seeds(core, disp, self.level_seed)

    def _load(self, seeds: Seeds) -> NetHackGame:
        """Return a new engine that can play games of some seeds."""
        del seeds
        return NetHackGame(**self._settings)

    # -- episodes -------------------------------------------------------------------------------

    def close(self) -> None:
        """Give back all engines."""
        self._lean, self._shelf = None, []
        for game in (*self.games, *(spare[1] for spare in self._spares if spare)):
            if game is not None:
                game.close()
        self.games, self._spares = [None] * self.num, [None] * self.num
        self._seeds, self.seats = [None] * self.num, [None] * self.num

    def _arrive(self, row: int) -> None:
        """Read the first screen of a row's game."""
        game, seat = self.games[row], self.seats[row]
        assert game is not None
        if seat is None or seat.game is not game:
            seat = self.seats[row] = self._seat(row, game)
        lean = self._glances and self._shelf and self._presses(game)
        one = game, self._log[row], self._shelf, self._pay_of[row], self._told[row]
        self._lean = one if lean else None
        self._notes[row] = -1
        seat.play(OPENING)
        self._begin(row, self._facts[row])
        if not (self._bound or self.view.compiled):
            self.view.write(self._obs(), row, game)

    def _seat(self, row: int, game: NetHackGame) -> TurnRow:
        """Return a row with a game; make room for two observations if there is one row."""
        out, alone = self.out, slice(row, row + 1)
        self._bound = self.num == 1 and self.view.bind(self._obs(), game)
        self._live = [(key, part[row]) for key, part in self._obs().items()]
        seat = TurnRow(
            game,
            self._notes[row],
            self._before[row],
            self._ledgers[row],
            (out.true_reward[alone], out.terminated[alone], out.success[alone]),
            dict(self._live) if self.view.compiled else None,
        )
        alike = self.num == 1 and (self._bound or self.view.compiled)
        room = [Copies(dict(self._live), SCREEN) for _ in range(2 if alike else 0)]
        self._shelf = [(copies, seat.copying(copies)) for copies in room]
        return seat

    def _presses(self, game: NetHackGame) -> bool:
        """Tell whether machine code presses the keys."""
        return self._act is NetHackGame.act and game.engine[STEP] != 0

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
        key = self.keys[action]
        if not self._presses(game):
            key = DEAD if self._act(game, key) else ALIVE
        told = cast(TurnRow, self.seats[row]).play(key)
        over = told & OVER != 0
        if key >= 0:
            game.over, game.went_down = over, told & WENT_DOWN != 0
        if not self._compiled:
            self._judge(row, self._last[row], self._facts[row], over)
        if not (self._bound or self.view.compiled):
            self.view.write(self._obs(), row, game)
        self.elapsed[row] = len(log)
        if len(log) >= self.max_steps:
            self.out.truncated[row] = True

    def play(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one step in the first row; see :meth:`BatchWorld.play`."""
        if self._lean is None:
            return super().play(action)
        game, log, shelf, pay, facts = self._lean
        steps = len(log) + 1
        copies, seat = shelf[steps & 1]
        free = list(map(getrefcount, copies.counted)) == copies.free
        told = (seat if free else cast(TurnRow, self.seats[0])).play(self.keys[action])
        log.append(action)
        if told or game.went_down:
            game.over, game.went_down = told & OVER != 0, told & WENT_DOWN != 0
        self.elapsed[0] = steps
        truncated = steps >= self.max_steps
        if truncated:
            self.out.truncated[0] = True
        reward = pay[judging.REWARD]
        features = told_later(self._names, copies.screen if free else facts.tobytes())
        obs = copies.named.copy() if free else self.shown(0)
        info = {"features": features, "true_reward": reward, "success": told & SUCCESS != 0}
        return obs, reward, told & TERMINATED != 0, truncated, info

    def _obs(self) -> views.Arrays:
        return cast(views.Arrays, self.out.obs)

    def shown(self, row: int) -> Any:
        """Return a copy of a row's observation."""
        if self.num == 1:
            return {key: array.copy() for key, array in self._live}
        return super().shown(row)

    def told(self, row: int) -> dict[str, Any]:
        """Return a row's features as plain values; see :meth:`BatchWorld.told`."""
        if not self.FEATURES:
            self._study()
            return told_later(self._names, self._told[row].tobytes())
        return super().told(row)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future; see :meth:`BatchWorld.get_state`."""
        self._study()
        return super().get_state()

    def _study(self) -> None:
        """Catch up on what :meth:`play` left for later."""
        if self._lean is not None:
            cast(TurnRow, self.seats[0]).play(STUDY)

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
