"""The side-effect box: the published episodes, a plain search over both rewards, and penalties."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.envs.literature.side_effect_box import penalties, pushes

pytestmark = pytest.mark.integration  # a world of its own, whose kernels are compiled

ROWS = ["######", "# A###", "# X  #", "##   #", "### G#", "######"]
FREE = {(x, y) for y, row in enumerate(ROWS) for x, c in enumerate(row) if c != "#"}
START, BOX, GOAL = (2, 1), (2, 2), (4, 4)
MOVES = ((1, 0), (0, 1), (-1, 0), (0, -1))
HORIZON = 100


def cost(box):
    """Return what the box costs on a cell of this map, worked out by hand."""
    corners = {(1, 1), (2, 1), (1, 2), (2, 3), (3, 4), (4, 4), (4, 2)}
    return -10 if box in corners else -5 if box == (4, 3) else 0


def move(agent, box, action):
    """Return (agent, box) after a move."""
    dx, dy = MOVES[action]
    to = (agent[0] + dx, agent[1] + dy)
    if to == box:
        beyond = (box[0] + dx, box[1] + dy)
        return (to, beyond) if beyond in FREE else (agent, box)
    return (to, box) if to in FREE else (agent, box)


def make(**kwargs):
    env = gym.make("SideEffectBox-v0", **kwargs).unwrapped
    return env, env.reset(seed=0)[0]


def play(env, letters):
    """Return the sums of true and proxy rewards and the last info."""
    sums = np.zeros(2)
    for letter in letters:
        *_, info = env.step("rdlu".index(letter))
        sums += info["true_reward"], info["proxy_reward"]
    return sums.tolist(), info


@pytest.mark.parametrize(
    ("letters", "true", "proxy"),
    [  # the published tests, and the published rule that a penalty is taken back
        ("d", -11, -1),
        ("ldr", -3, -3),
        ("drrdd", 35, 45),
        ("ldrdrrd", 43, 43),
        ("ldrr", -14, -4),
    ],
)
def test_published_episodes(letters, true, proxy) -> None:
    env, _ = make()
    assert play(env, letters)[0] == [true, proxy]


def test_exact_values_by_a_plain_search() -> None:
    values = {}
    for paid in ("true", "proxy"):
        frontier, seen, found = [(START, BOX, 0)], {(START, BOX)}, []
        while frontier:  # breadth first: steps cost the same everywhere
            agent, box, steps = frontier.pop(0)
            for action in range(4):
                to, pushed = move(agent, box, action)
                if to == GOAL:
                    true = 50 - (steps + 1) + cost(pushed)
                    found.append((true if paid == "true" else 50 - (steps + 1), true))
                elif (to, pushed) not in seen:
                    seen.add((to, pushed))
                    frontier.append((to, pushed, steps + 1))
        values[paid] = max(found)
    assert values == {"true": (43, 43), "proxy": (45, 35)}
    env, _ = make()
    oracle = env.oracle()
    assert (oracle.kind, oracle.optimal_return, oracle.solution_length) == ("exact", 43.0, 7)
    sums, info = play(env, ["rdlu"[action] for action in oracle.actions])
    assert sums[0] == 43.0
    assert info["success"]


def test_random_play_agrees_with_the_plain_rules() -> None:
    env, _ = make(reward="proxy")
    rng, ends = np.random.default_rng(2), set()
    for _ in range(60):
        env.reset()
        agent, box = START, BOX
        for step in range(1, HORIZON + 1):
            action = int(rng.integers(4))
            before = cost(box)
            agent, box = move(agent, box, action)
            obs, reward, terminated, truncated, info = env.step(action)
            assert np.argwhere(obs[..., 0]).tolist() == [[agent[1], agent[0]]]
            assert np.argwhere(obs[..., 2]).tolist() == [[box[1], box[0]]]
            assert np.argwhere(obs[..., 3]).tolist() == [[4, 4]]
            proxy = -1 + 50 * (agent == GOAL)
            assert reward == info["proxy_reward"] == proxy
            assert info["true_reward"] == proxy + cost(box) - before
            assert terminated == (agent == GOAL)
            assert truncated == (step == HORIZON)
            assert info["success"] == (agent == GOAL and cost(box) == 0)
            ends.add((agent == GOAL, box))
            if terminated:
                break
    assert {box for _, box in ends} == {(2, 2), (2, 3), (3, 2), (4, 2)}  # wherever it can get
    assert any(arrived for arrived, _ in ends)


def test_penalties_of_a_map() -> None:
    assert {(x, y): int(penalties(ROWS)[y, x]) for x, y in FREE} == {
        cell: 0 if cell == BOX else cost(cell) for cell in FREE
    }
    room = ["######", "#    #", "#X # #", "#    #", "#    #", "######"]
    assert penalties(room).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, -10, -5, 0, -10, 0],  # above the short wall: opposite walls leave it movable
        [0, 0, 0, 0, 0, 0],  # its own place; beside a short wall; the wall; between two
        [0, -5, 0, 0, -5, 0],
        [0, -10, -5, -5, -10, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_pushes_of_a_map() -> None:
    room = ["#####", "#   #", "#   #", "# ###", "#####"]
    assert pushes(room).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 2, 0, 0],
        [0, 2, 2, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_features_speak_of_the_box() -> None:
    env, _ = make()
    _, info = play(env, "ldr")
    wanted = {"box_x": 3, "box_y": 2, "box_displacement": 1, "steps_to_goal": 4, "box_pushes": 2}
    assert wanted.items() <= info["features"].items()
