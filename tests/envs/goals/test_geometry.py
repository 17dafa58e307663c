"""Walls: nothing crosses one, however fast; and shortest ways are what a fine grid says."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.envs.goals.geometry import grown, lines, slide
from operant.envs.goals.layouts import MAPS, layout
from operant.envs.goals.routes import Routes

NAMES = st.sampled_from(sorted(MAPS))
SHARE = st.floats(0, 1)
LENGTH = st.floats(0, 1e6)
ANGLE = st.one_of(
    st.floats(-math.pi, math.pi), st.sampled_from([k * math.pi / 4 for k in range(8)])
)
CLEARANCE = 0.1


def strictly_inside(point: np.ndarray, boxes: np.ndarray) -> bool:
    return bool(((boxes[:, :2] < point) & (point < boxes[:, 2:])).all(axis=1).any())


def region(name: str, clearance: float) -> np.ndarray:
    """Flood the open cells: every maze is one region."""
    maze = layout(name)
    seen, wave = {0}, [0]
    while wave:
        here = wave.pop()
        for other in np.flatnonzero(maze.steps[here] == 1):
            if other not in seen:
                seen.add(int(other))
                wave.append(int(other))
    return np.array(sorted(seen))


@given(
    name=NAMES, cell=SHARE, x=SHARE, y=SHARE, pushes=st.lists(st.tuples(LENGTH, ANGLE), max_size=8)
)
@settings(max_examples=80, deadline=None)
def test_no_motion_crosses_a_wall(
    name: str, cell: float, x: float, y: float, pushes: list[tuple[float, float]]
) -> None:
    maze = layout(name)
    boxes = grown(maze.boxes, CLEARANCE)
    middle = maze.places[int(cell * (len(maze.places) - 1))]
    at = (middle + (np.array([x, y]) - 0.5) * 0.8)[None]
    for length, angle in pushes:
        move = length * np.array([[math.cos(angle), math.sin(angle)]])
        to, stopped = slide(at, move, boxes)
        assert not strictly_inside(to[0], boxes)
        assert (np.abs(to[0]) < maze.half).all()
        assert (np.abs(to - at) <= np.abs(move) * (1 + 1e-12) + 1e-12).all()
        free = ~stopped[0]
        np.testing.assert_allclose(to[0][free], (at + move)[0][free], rtol=1e-9, atol=1e-9)
        if free.all():
            assert np.isfinite(lines(at, to, grown(boxes, -1e-6))).all()
        at = to


@given(name=NAMES, start=SHARE, angle=ANGLE, length=st.floats(0.01, 30))
@settings(max_examples=30, deadline=None)
def test_one_long_motion_ends_where_many_short_ones_do(
    name: str, start: float, angle: float, length: float
) -> None:
    """What stops a coordinate stops it for the rest; steps of 5 cm cannot jump over anything."""
    maze = layout(name)
    boxes = grown(maze.boxes, CLEARANCE)
    at = maze.places[int(start * (len(maze.places) - 1))][None]
    move = length * np.array([[math.cos(angle), math.sin(angle)]])
    whole, stopped = slide(at, move, boxes)
    parts = math.ceil(length / 0.05)
    left, here = move / parts, at
    for _ in range(parts):
        here, hit = slide(here, left, boxes)
        left = np.where(hit, 0.0, left)
        assert not strictly_inside(here[0], boxes)
    np.testing.assert_allclose(here, whole, atol=1e-7)
    np.testing.assert_array_equal(left == 0.0, stopped | (move == 0.0))


def test_a_fast_body_is_stopped_by_a_thin_wall_and_slides_along_it() -> None:
    boxes = np.array([[1.0, -5.0, 1.001, 5.0]])
    to, stopped = slide(np.array([[0.0, 0.0]]), np.array([[1e9, 2.0]]), boxes)
    assert to.tolist() == [[1.0, 2.0]]
    assert stopped.tolist() == [[True, False]]
    to, stopped = slide(to, np.array([[0.0, 1.0]]), boxes)  # along the face it touches
    assert to.tolist() == [[1.0, 3.0]]
    assert not stopped.any()
    to, stopped = slide(to, np.array([[-1.0, 0.0]]), boxes)  # and away from it
    assert to.tolist() == [[0.0, 3.0]]
    assert not stopped.any()


def test_a_corner_takes_both_coordinates() -> None:
    boxes = np.array([[1.0, -9.0, 2.0, 9.0], [-9.0, 1.0, 9.0, 2.0]])
    for x, y in ((0.3, 0.3), (1e-3, 0.7), (-2.0, 0.1)):
        at = np.array([[x, y]])
        to, stopped = slide(at, 7 * (np.array([[1.0, 1.0]]) - at), boxes)
        assert to.tolist() == [[1.0, 1.0]]
        assert stopped.all()


def grid_distance(name: str, clearance: float, start: np.ndarray, goal: np.ndarray) -> float:
    """Dijkstra on points 10 cm apart with 16 directions: at most 2.7 % too long, plus two ends."""
    maze, fine = layout(name), 0.1
    thin = grown(maze.boxes, clearance - 1e-9)
    moves = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if math.gcd(i, j) == 1]
    begin, end = (tuple(np.round(point / fine).astype(int).tolist()) for point in (start, goal))
    queue, known = [(0.0, begin)], {begin: 0.0}
    while queue:
        far, here = heapq.heappop(queue)
        if here == end:
            return far
        if far > known[here]:
            continue
        for i, j in moves:
            to = (here[0] + i, here[1] + j)
            middle = np.array([here[0] + i / 2, here[1] + j / 2]) * fine
            if strictly_inside(np.array(to) * fine, thin) or strictly_inside(middle, thin):
                continue
            length = far + fine * math.hypot(i, j)
            if length < known.get(to, math.inf):
                known[to] = length
                heapq.heappush(queue, (length, to))
    return math.inf


@pytest.mark.parametrize(("name", "start", "goal"), [("UMaze", 0, 5), ("Medium", 2, 12)])
def test_ways_are_as_short_as_a_fine_grid_finds_them(name: str, start: int, goal: int) -> None:
    maze = layout(name)
    routes = Routes(maze, CLEARANCE)
    ends = maze.places[[start, goal]] + np.array([[0.2, -0.15], [-0.1, 0.2]])
    length, _ = routes.ways(ends[:1], ends[1:], routes.ahead(ends[1:]))
    judge = grid_distance(name, CLEARANCE, ends[0], ends[1])
    assert length[0] <= judge + 0.06  # it cuts corners between the points it looks at
    assert judge <= 1.03 * length[0] + 0.2


def test_the_u_is_walked_around_its_two_corners() -> None:
    routes = Routes(layout("UMaze"), CLEARANCE)
    start, goal = np.array([[-1.0, 1.0]]), np.array([[-1.0, -1.0]])
    length, towards = routes.ways(start, goal, routes.ahead(goal))
    leg = math.hypot(1.6, 0.4)  # to the corner (0.5, 0.5), kept at 0.1 m in x and y
    assert length[0] == pytest.approx(2 * leg + 1.2)
    np.testing.assert_allclose(towards, [[1.6 / leg, -0.4 / leg]])
    np.testing.assert_array_equal(routes.ways(goal, goal, routes.ahead(goal))[1], [[0.0, 0.0]])


@given(name=NAMES, a=SHARE, b=SHARE, c=SHARE, off=st.tuples(SHARE, SHARE))
@settings(max_examples=30, deadline=None)
def test_ways_are_a_distance(
    name: str, a: float, b: float, c: float, off: tuple[float, float]
) -> None:
    """Symmetric, at least straight, no longer than by way of a third place; steps go downhill."""
    maze = layout(name)
    routes = Routes(maze, CLEARANCE)
    points = maze.places[[int(share * (len(maze.places) - 1)) for share in (a, b, c)]]
    points = points + (np.array(off) - 0.5) * 0.8

    def way(i: int, j: int) -> float:
        ahead = routes.ahead(points[j : j + 1])
        return float(routes.ways(points[i : i + 1], points[j : j + 1], ahead)[0][0])

    assert way(0, 1) == pytest.approx(way(1, 0), abs=1e-7)
    assert way(0, 1) >= np.hypot(*(points[0] - points[1])) - 1e-9
    assert way(0, 1) <= way(0, 2) + way(2, 1) + 1e-7
    assert way(0, 1) <= routes.longest
    ahead = routes.ahead(points[1:2])
    length, towards = routes.ways(points[:1], points[1:2], ahead)
    if length[0] > 0.01:
        nearer, _ = routes.ways(points[:1] + 0.005 * towards, points[1:2], ahead)
        assert nearer[0] == pytest.approx(length[0] - 0.005, abs=1e-6)


def test_points_too_near_to_a_wall_are_led_out_first() -> None:
    routes = Routes(layout("UMaze", 4.0), 1.0)
    goal = np.array([[-4.0, -4.0]])
    ahead = routes.ahead(goal)
    inner = routes.ways(np.array([[-4.0, 5.0]]), goal, ahead)[0][0]
    outer, towards = routes.ways(np.array([[-4.0, 5.75]]), goal, ahead)
    assert outer[0] == pytest.approx(inner + 0.75)
    np.testing.assert_allclose(towards, [[0.0, -1.0]])


@pytest.mark.parametrize("name", MAPS)
def test_maps_are_closed_and_in_one_piece(name: str) -> None:
    maze = layout(name, 2.0)
    edge = np.concatenate([maze.walls[[0, -1]].ravel(), maze.walls[:, [0, -1]].ravel()])
    assert edge.all()
    assert len(region(name, CLEARANCE)) == (~maze.walls).sum() == len(maze.places)
    row, column = maze.grid(maze.places)
    assert not maze.walls[row, column].any()
    assert len({*zip(row, column, strict=True)}) == len(row)
    area = (maze.boxes[:, 2:] - maze.boxes[:, :2]).prod(axis=1).sum()
    assert area == pytest.approx(4.0 * maze.walls.sum())  # boxes are disjoint and cover the walls
    assert not any(strictly_inside(place, maze.boxes) for place in maze.places)


def test_bad_mazes_are_named() -> None:
    with pytest.raises(ValueError, match="maze must be one of"):
        layout("Huge")
    with pytest.raises(ValueError, match="cell must be"):
        layout("UMaze", 0.0)
    with pytest.raises(ValueError, match="clearance must be"):
        Routes(layout("UMaze"), 0.5)
