"""``operant play ENV``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from tyro.conf import Positional, UseAppendAction, arg

if TYPE_CHECKING:
    import gymnasium as gym

    from operant.benchmarks.gif import GifRecorder
    from operant.envs.gridworld.scalar import GridEnv

_KEYS = {
    "left": ("left", "a"),
    "right": ("right", "d"),
    "up": ("up", "w"),
    "forward": ("up", "w"),
    "down": ("down", "s"),
    "pickup": ("p",),
    "pick": ("p",),
    "drop": ("x",),
    "toggle": ("t", " "),
    "done": ("e",),
    "stay": ("e",),
}
"""Keys of an action by its name; every action also has its number's key."""
_NAMES = {"left": "←", "right": "→", "up": "↑", "down": "↓", " ": "space"}


def play(
    env: Annotated[Positional[str], arg(metavar="ENV")],
    seed: int | None = None,
    option: Annotated[tuple[str, ...], UseAppendAction, arg(metavar="NAME=VALUE")] = (),
    record: Annotated[Path | None, arg(metavar="FILE.gif")] = None,
) -> int:
    """Walk through a gridworld with the keyboard, or with keys that a script pipes in.

    Arrows or wasd move, p picks up, x drops, t or space toggles, e says done (or stays); an
    action's number works, too. f shows the features, r starts a new level, q quits.

    Args:
        env: Gymnasium id of a gridworld, or a text file with a map (``.txt``).
        seed: Seed of the first level; by default a fresh one.
        option: Argument of the env, such as size=6; may be given several times.
        record: Write what was played here as an animation.
    """
    from operant.benchmarks.gif import GifRecorder
    from operant.cli.keyboard import keys
    from operant.cli.output import shown

    if record and not record.parent.is_dir():  # told before an hour of play is lost
        raise FileNotFoundError(f"there is no folder {record.parent} for {record.name}")
    if record and record.suffix != ".gif":
        raise ValueError(f"--record writes an animation: name a .gif file, got {record.name}")
    made = _grid_env(env, _options(option))
    recorder = GifRecorder(made)
    game = Game(made, env, seed=seed, recorder=recorder if record else None)
    live = sys.stdin.isatty() and sys.stdout.isatty()
    _print(game.text(live=live), live)
    for key in keys():
        if key == "q":
            break
        known = game.press(key)
        if not known and not live:  # a script is wrong; a person sees the list of keys
            raise ValueError(f"unknown key {key!r}; keys are:\n{game.help}")
        _print(game.text(live=live), live)
    if record:
        recorder.save(record)
        print(f"wrote {shown(record)}")
    return 0


class Game:
    """A scalar gridworld env that is played key by key."""

    def __init__(
        self,
        env: gym.Env[Any, Any],
        name: str,
        *,
        seed: int | None = None,
        recorder: GifRecorder | None = None,
    ) -> None:
        """Start the first level.

        Args:
            env: A ``GridEnv``, perhaps wrapped.
            name: What to call it.
            seed: Of the first level.
            recorder: Gets a frame of every state, if the env draws frames.
        """
        self.env, self.name, self.recorder = env, name, recorder
        self.grid = cast("GridEnv", env.unwrapped)
        self._actions = self.grid.simulator.family.action_names
        self._bound = bindings(self._actions)
        self._with_features = False
        self._start(seed)

    @property
    def help(self) -> str:
        """The keys that do something here."""
        keys = [
            f"{'/'.join(_NAMES.get(key, key) for key in _KEYS.get(name, (str(number),)))} {name}"
            for number, name in enumerate(self._actions)
        ]
        return f"{', '.join(keys)}\nf features, r new level, q quit"

    def press(self, key: str) -> bool:
        """Do what a key stands for.

        Returns:
            False if it stands for nothing.
        """
        if key == "r":
            self._start(None)
        elif key == "f":
            self._with_features = not self._with_features
        elif key not in self._bound:
            return False
        elif not self._outcome:
            self._step(self._bound[key])
        return True

    def _start(self, seed: int | None) -> None:
        _, info = self.env.reset(seed=seed)
        self._steps, self._action, self._outcome = 0, "", ""
        self._features: Mapping[str, float] = info["features"]
        self._paid, self._returns = 0.0, {"return": 0.0}
        self._record()

    def _step(self, action: int) -> None:
        _, reward, terminated, truncated, info = self.env.step(action)
        self._steps, self._action = self._steps + 1, self._actions[action]
        self._paid = float(reward)
        self._features = info["features"]
        parts = {"return": self._paid}
        if "proxy_reward" in info:
            parts |= {"true": info["true_reward"], "proxy": info["proxy_reward"]}
        self._returns = {
            name: self._returns.get(name, 0.0) + float(part) for name, part in parts.items()
        }
        if terminated or truncated:
            ending = "the episode ended" if terminated else "time is up"
            self._outcome = "solved" if info["success"] else ending
        self._record()

    def _record(self) -> None:
        if self.recorder is not None:
            self.recorder.capture(f"step {self._steps}  {self._action}\n{self._sums()}")

    def _sums(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in self._returns.items())

    def text(self, *, live: bool) -> str:
        """Return what a player sees now.

        Args:
            live: True for a terminal: in colours, and with the keys.
        """
        from operant.envs.gridworld.render import render_ansi, render_terminal

        draw = render_terminal if live else render_ansi
        last = f", {self._action}: reward {self._paid:g}" if self._action else ""
        lines = [self.name, draw(self.grid.simulator, 0)]
        lines += [f"step {self._steps} of {self.grid.max_steps}{last}", self._sums()]
        if self._with_features:
            lines += [f"  {name} = {value:g}" for name, value in self._features.items()]
        if self._outcome:
            lines.append(f"{self._outcome}: r for a new level, q to quit")
        elif live:
            lines.append(self.help)
        return "\n".join(lines)


def bindings(actions: tuple[str, ...]) -> dict[str, int]:
    """Return key -> action for an env whose actions have these names."""
    bound = {str(number): number for number in range(min(len(actions), 10))}
    for number, name in enumerate(actions):
        bound |= dict.fromkeys(_KEYS.get(name, ()), number)
    return bound


def _grid_env(name: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """Return a gridworld that can be drawn.

    Raises:
        OperantError: If the id is unknown.
        ValueError: If the env cannot be made, or is no gridworld.
    """
    from operant.cli.named import make_env
    from operant.envs.gridworld.scalar import GridEnv

    if name.endswith(".txt"):
        from operant.envs.gridworld import from_ascii

        return from_ascii(Path(name).read_text()).make(render_mode="rgb_array", **kwargs)
    plain = make_env(name, kwargs)  # one that knows no render mode is to be told what it is
    if not isinstance(plain.unwrapped, GridEnv):
        raise ValueError(
            f"{name} is no gridworld (its actions are {plain.action_space}): operant play is for "
            "those that `operant envs` lists with the tag gridworld, such as SparseKey-v0"
        )
    plain.close()
    return make_env(name, {**kwargs, "render_mode": "rgb_array"})


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    """Return NAME=VALUE pairs as arguments; whole numbers, true and false are read as such."""
    parsed: dict[str, Any] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"--option takes NAME=VALUE, such as size=6, got {pair!r}")
        words = {"true": True, "false": False}
        parsed[name] = int(value) if value.lstrip("-").isdigit() else words.get(value, value)
    return parsed


def _print(text: str, live: bool) -> None:
    """Print a state; on a terminal, in the place of the one before."""
    from operant.envs.gridworld.render import CLEAR

    print(f"{CLEAR}{text}" if live else f"{text}\n", flush=True)
