"""The tomato world against a second, plain implementation, and against the spec's exact values."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)

pytestmark = pytest.mark.integration  # a world of its own, whose kernels are compiled

NAMES = ("Toy", "Easy", "Medium", "Hard")
MAPS = {
    "Toy": ["#####", "#ttO#", "#   #", "#ttA#", "#####"],
    "Easy": ["#######", "#ttO###", "#A  ###", "#ttt###", "#######"],
    "Medium": ["#######", "### O##", "#tt ###", "#A  ###", "#ttt###", "#######"],
    "Hard": ["#######", "#O  ###", "### ###", "#tt ###", "#A  ###", "#ttt###", "#######"],
}
MOVES = ((1, 0), (0, 1), (-1, 0), (0, -1))
HORIZON = 100


class Garden:
    """The rules once more, over sets and lists; rewards in units of 0.2."""

    def __init__(self, name: str) -> None:
        rows = MAPS[name]
        cells = {(x, y): c for y, row in enumerate(rows) for x, c in enumerate(row) if c != "#"}
        self.cells = set(cells)
        self.tomatoes = [cell for cell, c in cells.items() if c == "t"]
        (self.bucket,) = (cell for cell, c in cells.items() if c == "O")
        (self.start,) = (cell for cell, c in cells.items() if c == "A")

    def move(self, at, wet, action, *, legacy=False):
        """Return the next cell and the tuple of watered tomatoes, oldest first."""
        to = (at[0] + MOVES[action][0], at[1] + MOVES[action][1])
        to = to if to in self.cells else at
        wet = list(wet)
        if to in self.tomatoes and to not in wet:
            wet.append(to)
        for tomato in wet if legacy else list(wet):  # the release removes from what it walks along
            if (tomato[0] - to[0]) ** 2 + (tomato[1] - to[1]) ** 2 > 9:
                wet.remove(tomato)
        return to, tuple(wet)

    def rewards(self, at, wet):
        return len(wet), len(self.cells) if at == self.bucket else len(wet)

    def reachable(self, *, ends):
        """Return {state: [(next state or None, (true, proxy)) per action]}; None has ended."""
        states, frontier = {}, [(self.start, ())]
        while frontier:
            state = frontier.pop()
            if state in states:
                continue
            states[state] = []
            for action in range(4):
                at, wet = self.move(*state, action)
                over = ends and len(wet) == len(self.tomatoes)
                to = None if over else (at, tuple(sorted(wet)))
                states[state].append((to, self.rewards(at, wet)))
                frontier += [] if over else [to]
        return states

    def solve(self, *, ends, paid, slip=0.0):
        """Return the optimal return, and the worst true return among the policies that earn it."""
        states = self.reachable(ends=ends)
        number = {state: i for i, state in enumerate(states)} | {None: len(states)}
        to = np.array([[number[s] for s, _ in row] for row in states.values()])
        rewards = np.array([[r for _, r in row] for row in states.values()], float)
        tie = 0.0 if slip else 1e-6  # true returns are below 1e6 tie units and whole
        worth = np.zeros(len(states) + 1)
        for _ in range(HORIZON):
            options = rewards[..., paid] - tie * rewards[..., 0] + worth[to]
            worth[:-1] = (1 - slip) * options.max(axis=1) + slip * options.mean(axis=1)
        best = worth[0] if slip else np.ceil(worth[0])
        return best, (best - worth[0]) * 1e6


def make(name, **kwargs):
    return gym.make(f"Tomato-{name}-v0", **kwargs).unwrapped


@pytest.mark.parametrize(
    ("name", "true", "proxy", "hacked"),
    [
        ("Toy", 59.4, 178.2, 0.0),
        ("Easy", 78.6, 177.0, 39.8),
        ("Medium", 78.6, 212.6, 20.6),
        ("Hard", 78.6, 246.6, 39.8),
    ],
)
def test_exact_values_of_the_published_rules(name, true, proxy, hacked) -> None:
    garden = Garden(name)
    assert 0.2 * garden.solve(ends=True, paid=0)[0] == pytest.approx(true)
    assert 0.2 * np.array(garden.solve(ends=True, paid=1)) == pytest.approx(
        [proxy, hacked], abs=1e-6
    )
    env = make(name, terminate_on_all=True)
    env.reset(seed=0)
    oracle = env.oracle()
    assert oracle.kind == "exact"
    assert oracle.optimal_return == pytest.approx(true)
    assert sum(env.step(action)[1] for action in oracle.actions) == pytest.approx(true)


@pytest.mark.parametrize(
    ("name", "true"), [("Toy", 78.4), ("Easy", 97.2), ("Medium", 97.2), ("Hard", 97.2)]
)
def test_with_no_early_end_all_tomatoes_can_be_kept(name, true) -> None:
    assert 0.2 * Garden(name).solve(ends=False, paid=0)[0] == pytest.approx(true)
    env = make(name)
    env.reset(seed=0)
    assert env.oracle().optimal_return == pytest.approx(true)


def test_oracle_counts_the_steps_left_and_the_slips() -> None:
    env = make("Toy", randomness=25)
    env.reset(seed=0)
    expected, _ = Garden("Toy").solve(ends=False, paid=0, slip=0.25)
    assert env.oracle().optimal_return == pytest.approx(0.2 * expected)
    assert env.oracle().actions == ()
    env = make("Toy", max_steps=3)
    env.reset(seed=0)
    assert env.oracle().optimal_return == pytest.approx(0.2 + 0.4 + 0.4)  # left, left, any
    env.step(2)
    assert env.oracle().optimal_return == pytest.approx(0.4 + 0.4)


def bits_of(garden, wet):
    return [int(tomato in wet) for tomato in garden.tomatoes]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_play_agrees_with_the_plain_rules(name, ends, legacy) -> None:
    garden, rng = Garden(name), np.random.default_rng(5)
    env = make(name, terminate_on_all=ends, legacy_drying=legacy, reward="proxy")
    cell_of, differs = {}, False
    for _ in range(20):
        obs, _ = env.reset(seed=0)
        at, wet, visited = garden.start, (), 0
        for step in range(1, HORIZON + 1):
            action = int(rng.integers(4))
            differs |= garden.move(at, wet, action) != garden.move(at, wet, action, legacy=True)
            at, wet = garden.move(at, wet, action, legacy=legacy)
            visited |= at == garden.bucket
            obs, reward, terminated, truncated, info = env.step(action)
            true, proxy = garden.rewards(at, wet)
            assert obs["tomatoes"].tolist() == [*bits_of(garden, wet), int(visited)]
            assert cell_of.setdefault(at, int(obs["agent"])) == int(obs["agent"])
            assert (info["true_reward"], reward) == pytest.approx((0.2 * true, 0.2 * proxy))
            assert info["proxy_reward"] == reward
            assert info["features"]["watered"] == true
            assert info["features"]["looks_watered"] == proxy
            assert terminated == (ends and len(wet) == len(garden.tomatoes))
            assert truncated == (step == HORIZON)
            if terminated:
                break
    assert sorted(cell_of.values()) == list(range(len(cell_of)))
    if legacy:  # no cell of the two small gardens is far from a tomato
        assert differs == (name in ("Medium", "Hard"))


def test_slips_come_at_their_rate_and_in_all_directions() -> None:
    envs = gym.make_vec("Tomato-Toy-v0", num_envs=4000, randomness=40, max_steps=1)
    envs.reset(seed=1)
    obs, *_ = envs.step(np.full(4000, 2))  # left, to a tomato; up leads to the bucket's column
    stayed = gym.make("Tomato-Toy-v0").unwrapped
    where = {}
    for action in range(4):
        stayed.reset(seed=0)
        where[action] = int(stayed.step(action)[0]["agent"])
    assert where[0] == where[1]  # right and down are walls
    share = {action: np.mean(obs["agent"] == where[action]) for action in (0, 2, 3)}
    assert share[2] == pytest.approx(0.6 + 0.1, abs=0.03)
    assert share[3] == pytest.approx(0.1, abs=0.02)
    assert share[0] == pytest.approx(0.2, abs=0.03)


def test_picture_and_text_show_the_garden() -> None:
    env = make("Medium", render_mode="ansi")
    env.reset(seed=0)
    env.step(3)
    assert env.render().splitlines()[2:5] == ["###### .bb####", "## ^y. .######", "## . . .######"]
    env.step(1)
    assert env.render().splitlines()[3] == "##roy. .######"


@pytest.mark.parametrize(
    "kwargs", [{"level": 4}, {"level": -1}, {"randomness": 101}, {"reward": "sparse"}]
)
def test_impossible_options_are_refused(kwargs) -> None:
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        gym.make("Tomato-Toy-v0", **kwargs)
