"""The skills: hand-made trajectories that show one and that almost do, through the public env."""

from __future__ import annotations

import importlib
import math

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("mujoco")

import operant  # noqa: F401 (registers the ids)
from operant.envs.mujoco.robots import named
from operant.envs.mujoco.skills import (
    ant_forward,
    ant_lie_down,
    ant_wave_leg,
    hopper_back_flip,
    hopper_forward,
    hopper_front_flip,
)
from operant.envs.mujoco.skills.ant_wave_leg import LEGS, REST
from operant.envs.mujoco.skills.rows import ROWS
from operant.reward_design.llm import compile_reward
from operant.reward_design.llm.task.reading import view_of
from operant.reward_design.llm.verify.verifier import Verifier

MODULES = [importlib.import_module(row.entry_point.partition(":")[0]) for row in ROWS]
BY_ID = pytest.mark.parametrize("module", MODULES, ids=[row.id for row in ROWS])
HOPPER, ANT = named("hopper"), named("ant")


class Puppet:
    """An env whose robot is moved by hand: states take the place of physics."""

    def __init__(self, module, **options):
        self.env = module.make(**options)
        self.first = self.env.reset(seed=0)[1]["features"]
        self.world = self.env.unwrapped.world
        self.simulation = self.world.simulation
        self.robot = self.world.robot
        self.simulation.step = self._move
        self.qpos, self.qvel = self.simulation.qpos[0].copy(), self.simulation.qvel[0] * 0

    def _move(self, rows, ctrl):
        self.simulation.qpos[0], self.simulation.qvel[0] = self.qpos, self.qvel
        self.simulation.forward(rows)

    def step(self):
        """Show the state that was set; return (reward, terminated, truncated, info)."""
        return self.env.step(np.zeros(self.env.action_space.shape, np.float32))[1:]

    def play(self, states):
        """Set states until the episode ends.

        Each is a dict of column of qpos -> value, or ("v", column of qvel) -> value. Returns the
        steps taken, the sum of rewards, success, and the last result.
        """
        total, steps, result = 0.0, 0, None
        for state in states:
            steps += 1
            for key, number in state.items():
                if isinstance(key, tuple):
                    self.qvel[key[1]] = number
                else:
                    self.qpos[key] = number
            result = self.step()
            assert not {"success", "true_reward"} & result[3]["features"].keys()
            assert result[0] == result[3]["true_reward"] == float(result[3]["success"])
            total += result[0]
            if result[1] or result[2]:
                break
        return steps, total, result[3]["success"], result


# ---- forward --------------------------------------------------------------------------------


def walk(puppet, velocities, fall=None):
    """Move along x; from step ``fall`` on the hopper leans, the ant lies on its back."""
    x, dt, states = puppet.qpos[0], puppet.robot.dt, []
    for at, velocity in enumerate(velocities, 1):
        x += velocity * dt
        state = {0: x}
        if fall is not None and at >= fall:
            state |= {2: 0.3} if puppet.robot is HOPPER else {3: 0.0, 4: 1.0, 5: 0.0, 6: 0.0}
        states.append(state)
    return states


FORWARD = pytest.mark.parametrize("module", [hopper_forward, ant_forward])


@FORWARD
@pytest.mark.parametrize(
    ("velocities", "expected"),
    [
        ([0.0] * 10 + [1.01] * 10, True),
        ([0.0] * 10 + [0.99] * 10, False),
        ([9.0] * 10 + [0.99] * 10, False),  # the first half does not count
        ([-9.0] * 10 + [1.01] * 10, True),
        ([0.0] * 10 + [0.0, 2.1] * 5, True),  # the mean counts
        ([0.0] * 10 + [0.0, 1.9] * 5, False),
    ],
)
def test_forward_is_the_mean_velocity_of_the_second_half(module, velocities, expected):
    puppet = Puppet(module, max_steps=20)
    steps, total, success, (_, terminated, truncated, info) = puppet.play(walk(puppet, velocities))
    assert (steps, total, success) == (20, float(expected), expected)
    assert terminated == expected
    assert truncated
    assert info["features"]["steps_left"] == 0
    late = float(np.mean(velocities[10:]))
    assert info["features"]["late_velocity"] == pytest.approx(late, abs=1e-9)


@FORWARD
@pytest.mark.parametrize("fall", [1, 11, 20])
def test_who_falls_has_not_moved_forward(module, fall):
    puppet = Puppet(module, max_steps=20)
    steps, total, success, (_, terminated, *_) = puppet.play(walk(puppet, [2.0] * 20, fall))
    assert (steps, total, success, terminated) == (fall, 0.0, False, True)


@FORWARD
def test_an_odd_episode_and_one_that_is_cut(module):
    puppet = Puppet(module, max_steps=5)  # of which the last three count
    assert puppet.play(walk(puppet, [0, 0, 1.2, 1.2, 1.2]))[2]
    puppet = Puppet(module, max_steps=5)
    assert not puppet.play(walk(puppet, [9, 9, 0.9, 0.9, 0.9]))[2]
    envs = module.make_vector(num_envs=1, max_steps=20, max_episode_steps=10)
    assert envs.world.max_steps == 10
    assert "at step 20" in envs.card.success
    with pytest.raises(ValueError, match="max_steps must be >= 2"):
        module.make(max_steps=1)


# ---- flips ----------------------------------------------------------------------------------

PITCH, HEIGHT = 2, 1
FLIPS = pytest.mark.parametrize(
    ("module", "way"), [(hopper_front_flip, 1), (hopper_back_flip, -1)], ids=["front", "back"]
)


def turn(puppet, way, angle):
    """Turn in ten steps, in the air."""
    start = puppet.qpos[PITCH]
    return [{PITCH: start + way * angle * (i + 1) / 10, HEIGHT: 1.5} for i in range(10)]


def stand(puppet, way, angle, steps, **change):
    state = {PITCH: puppet.qpos[PITCH] + way * angle, HEIGHT: 1.2, **change}
    return [dict(state) for _ in range(steps)]


def test_a_growing_pitch_is_a_turn_towards_plus_x():
    """The front flip is the one over the toes, which point to +x, as does the way it hops."""
    simulation, every = HOPPER.simulation(1), np.zeros(1, np.int64)
    simulation.qpos[0, PITCH] = 0.3
    data = simulation.data(0)
    up = data.body("torso").xmat.reshape(3, 3)[:, 2]
    assert up[0] == pytest.approx(math.sin(0.3))
    simulation.qpos[0, PITCH] = 0.0
    simulation.forward(every)
    data = simulation.data(0)
    assert data.body("foot").xpos[0] > data.body("torso").xpos[0]


@FLIPS
def test_a_flip_is_a_whole_turn_and_twenty_steps_of_standing(module, way):
    puppet = Puppet(module)
    states = turn(puppet, way, 6.4) + stand(puppet, way, 6.4, 40)
    steps, total, success, (_, terminated, truncated, info) = puppet.play(states)
    # the last step of the turn stands already
    assert (steps, total, success, terminated, truncated) == (10 + 19, 1.0, True, True, False)
    features = info["features"]
    assert features["flips"] == 1
    assert features["turned"] == pytest.approx(6.4)
    assert features["tilt"] == pytest.approx(puppet.qpos[PITCH] - way * 2 * np.pi)
    assert features["standing"]


@FLIPS
@pytest.mark.parametrize(
    "fault",
    [
        "19 steps",
        "nothing",
        "the other way",
        "not quite around",
        "too low",
        "leans",
        "leans back",
        "wild joint",
        "wild velocity",
    ],
)
def test_what_is_almost_a_flip(module, way, fault):
    puppet = Puppet(module)
    angle = {"nothing": 0.0, "the other way": -6.4, "not quite around": 2 * np.pi - 0.01}
    angle = angle.get(fault, 6.4)
    change = {
        "too low": {HEIGHT: 0.7},
        "leans": {PITCH: puppet.qpos[PITCH] + way * (2 * np.pi + 0.23)},
        "leans back": {PITCH: puppet.qpos[PITCH] + way * (2 * np.pi - 0.23)},
        "wild joint": {4: 100.0},
        "wild velocity": {("v", 0): 100.0},
    }.get(fault, {})
    states = [*turn(puppet, way, angle)[:9], {HEIGHT: 0.5}]
    states += [
        state | change for state in stand(puppet, way, angle, 19 if fault == "19 steps" else 60)
    ]
    states += [{HEIGHT: 0.5, PITCH: puppet.qpos[PITCH] + 1.0}] * 30
    steps, total, success, (*_, info) = puppet.play(states)
    assert (steps, total, success) == (len(states), 0.0, False)
    assert info["features"]["steady_steps"] == 0


@FLIPS
def test_standing_must_not_be_interrupted_and_not_come_first(module, way):
    puppet = Puppet(module)
    states = [*stand(puppet, way, 0.0, 60), *turn(puppet, way, 6.4)[:9], {HEIGHT: 0.5}]
    states += [*stand(puppet, way, 6.4, 19), {HEIGHT: 0.6}]
    states += stand(puppet, way, 6.4, 20)
    steps, _, success, _ = puppet.play(states)
    assert success
    assert steps == len(states)


BACK_FLIP = [
    (33, 43, -100),
    (-56, -100, -99),
    (-91, -97, -72),
    (24, -56, -2),
    (-73, -6, 9),
    (-17, -59, -54),
    (4, -91, -33),
    (-48, -48, -37),
    (54, 1, -14),
    (-61, 61, -6),
    (47, 48, 99),
    (-48, -75, -9),
    (21, -59, -71),
    (23, 9, 56),
]
"""Hundredths of motor commands, each held for 7 steps, that a random search found."""


def test_the_real_hopper_can_do_a_back_flip():
    """The thresholds are within reach: these commands succeed from every random start."""
    env = hopper_back_flip.make()
    for seed in range(3):
        env.reset(seed=seed)
        for command in np.repeat(np.float32(BACK_FLIP) / 100, 7, axis=0):
            *_, terminated, truncated, info = env.step(command)
            if terminated or truncated:
                break
        assert info["success"]


def test_an_upside_down_hopper_goes_on():
    puppet = Puppet(hopper_back_flip, max_steps=30)
    steps, _, success, (_, terminated, truncated, _) = puppet.play(
        [{PITCH: -3.0, HEIGHT: 0.2}] * 30
    )
    assert (steps, success, terminated, truncated) == (30, False, False, True)


# ---- lying down -----------------------------------------------------------------------------


def on_its_back(*, height=0.27, up=-0.91, speed=0.0, steps=50):
    half = math.acos(up) / 2
    quaternion = {3: math.cos(half), 4: math.sin(half) * 0.6, 5: math.sin(half) * 0.8, 6: 0.0}
    velocity = {("v", i): part * speed for i, part in enumerate((2 / 3, -1 / 3, 2 / 3))}
    return [{2: height, **quaternion, **velocity} for _ in range(steps)]


def test_lying_still_for_fifty_steps():
    puppet = Puppet(ant_lie_down)
    steps, total, success, (_, terminated, _, info) = puppet.play(on_its_back(steps=99))
    assert (steps, total, success, terminated) == (50, 1.0, True, True)
    assert info["features"]["lying"]


@pytest.mark.parametrize(
    "states",
    [
        on_its_back(steps=49),
        on_its_back(steps=99, height=0.31),
        on_its_back(steps=99, up=-0.84),
        on_its_back(steps=99, up=0.95),
        on_its_back(steps=99, speed=0.11),
        on_its_back(steps=49) + on_its_back(steps=1, speed=0.2) + on_its_back(steps=49),
    ],
    ids=["49 steps", "too high", "tilted", "upright", "moves", "interrupted"],
)
def test_what_is_almost_lying(states):
    puppet = Puppet(ant_lie_down)
    steps, total, success, _ = puppet.play([*states, *on_its_back(up=0.9, height=0.5, steps=1)])
    assert (steps, total, success) == (len(states) + 1, 0.0, False)


@pytest.mark.parametrize(("up", "lies"), [(-1.0, True), (-0.9, True), (1.0, False), (0.7, False)])
def test_left_alone_an_ant_lies_down_only_from_its_back(up, lies):
    """Physics decide: what was dropped on its back lies; else it ends on its feet, not lying."""
    env = ant_lie_down.make()
    env.reset(seed=1)
    simulation = env.world.simulation
    state = on_its_back(height=0.8, up=up, steps=1)[0]
    for column in range(2, 7):
        simulation.qpos[0, column] = state[column]
    simulation.forward(np.zeros(1, np.int64))
    for _ in range(300):
        *_, terminated, truncated, info = env.step(np.zeros(8))
        if terminated or truncated:
            break
    assert info["success"] == lies
    height = info["features"]["torso_height"]
    assert height < 0.28 if lies else height > 0.36  # the predicate's bound of 0.3 lies between


# ---- waving ---------------------------------------------------------------------------------

DOWN, UP = math.radians(70), math.radians(30)


def pose(leg, *, waved=0.0):
    """Return joint angles that stand on three legs with one raised, as LEGS orders them."""
    hips, knees = np.zeros(4), np.full(4, DOWN)
    knees[leg] = knees[(leg + 2) % 4] = UP  # the opposite leg crouches, and the ant leans back
    hips[leg] = waved
    return np.column_stack([hips, knees * np.array([1, -1, -1, 1])]).ravel()


def drive(env, angles):
    """Return the action of a servo towards joint angles; motors begin with the last leg."""
    simulation = env.unwrapped.world.simulation
    torque = 0.3 * (angles - simulation.qpos[0, 7:]) - 0.05 * simulation.qvel[0, 6:]
    return np.clip(np.roll(torque, 2), -1, 1).astype(np.float32)


@pytest.fixture(scope="module")
def raised():
    """Return qpos of ants that stand on three legs, by the raised leg: what physics settle at."""
    states = []
    for leg in range(4):
        env = ant_wave_leg.make(leg=LEGS[leg])
        env.reset(seed=0)
        for step in range(100):
            angles = pose(leg)
            if step < 30:
                angles[2 * leg + 1] = math.copysign(DOWN, angles[2 * leg + 1])
            *_, info = env.step(drive(env, angles))
        states.append(env.world.simulation.qpos[0].copy())
        assert info["features"]["waving"]
        assert 0.45 < info["features"]["lift"] < 0.5
    return states


def wave(puppet, qpos, velocities, **change):
    hip = 6 + 2 * puppet.world.leg
    base = dict(enumerate(qpos)) | change
    return [base | {("v", hip): velocity} for velocity in velocities]


@pytest.mark.parametrize("leg", LEGS)
def test_waving_is_three_reversals(raised, leg):
    puppet = Puppet(ant_wave_leg, leg=leg)
    qpos = raised[LEGS.index(leg)]
    states = wave(puppet, qpos, [2, 2, -2, -2, 2, 2, -2, -2])
    steps, total, success, (_, terminated, _, info) = puppet.play(states)
    assert (steps, total, success, terminated) == (7, 1.0, True, True)
    assert info["features"]["supports"] == 3
    assert leg.replace("_", " ") in puppet.env.card.description


@pytest.mark.parametrize(
    "fault", ["two reversals", "slow", "low", "another foot", "a break", "jumps", "wrong leg"]
)
def test_what_is_almost_waving(raised, fault):
    puppet = Puppet(ant_wave_leg, leg="back_left" if fault == "wrong leg" else "front_left")
    qpos = raised[0]
    velocities = [2, -2, 2, 2] if fault == "two reversals" else [2, -2, 2, -2, 2, -2]
    states = wave(puppet, qpos, [v * (0.45 if fault == "slow" else 1) for v in velocities])
    for at, state in enumerate(states):
        if fault == "low":
            state[8] = math.radians(45)
        if fault == "another foot":
            state[10] = -math.radians(50)
        if fault == "jumps":
            state[2] += 0.05
        if fault == "a break" and at == 3:
            state[8] = math.radians(60)
    steps, total, success, _ = puppet.play(states)
    assert (steps, total, success) == (len(states), 0.0, False)


def test_feet_are_measured_over_where_they_rest(raised):
    puppet = Puppet(ant_wave_leg)
    *_, (*_, info) = puppet.play(wave(puppet, raised[0], [0.0]))
    heights = [info["features"][f"{leg}_foot_height"] for leg in LEGS]
    assert heights[1:] == pytest.approx([REST] * 3, abs=2e-3)
    assert info["features"]["lift"] == pytest.approx(heights[0] - REST)


def test_a_servo_can_wave():
    """The thresholds are within reach of the real robot, from the start on."""
    env = ant_wave_leg.make()
    env.reset(seed=0)
    for step in range(300):
        angles = pose(0, waved=0.4 * math.copysign(1.0, math.sin(step / 4)))
        if step < 30:
            angles[1] = DOWN
        *_, terminated, truncated, info = env.step(drive(env, angles))
        if terminated or truncated:
            break
    assert info["success"]
    assert not truncated


def test_an_unknown_leg_is_refused():
    with pytest.raises(ValueError, match=r"leg must be one of 'front_left'.*got 'left'"):
        ant_wave_leg.make(leg="left")


# ---- all ------------------------------------------------------------------------------------


@BY_ID
def test_doing_nothing_succeeds_at_nothing(module):
    env = module.make()
    env.reset(seed=0)
    ended = False
    while not ended:
        _, reward, terminated, truncated, info = env.step(np.zeros(env.action_space.shape))
        assert reward == 0.0
        assert not info["success"]
        ended = terminated or truncated


@pytest.mark.slow
@BY_ID
def test_random_actions_succeed_at_nothing(module):
    envs = module.make_vector(num_envs=20)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    ended = 0
    while ended < 100:
        _, reward, terminated, truncated, infos = envs.step(envs.action_space.sample())
        assert not reward.any()
        assert not infos["success"].any()
        ended += int((terminated | truncated).sum())


@BY_ID
def test_the_expert_reward_is_a_program_of_the_features(module):
    envs = module.make_vector(num_envs=4, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP)
    card = envs.card
    program = compile_reward(
        card.expert,
        obs_size=envs.single_observation_space.shape[0],
        action_size=envs.single_action_space.shape[0],
        features=card.features,
    )
    assert not program.reads_obs  # what it means must not hang on columns
    _, infos = envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(60):
        before = {f"prev_{name}": value for name, value in infos["features"].items()}
        actions = envs.action_space.sample()
        *_, infos = envs.step(actions)
        last = infos.get("final_info", infos)["features"]
        paid = program.batch(None, actions, None, {**before, **infos["features"], **last})
        assert np.isfinite(paid).all()
        assert (np.abs(paid) < 25).all()


@BY_ID
def test_programs_can_read_it(module):
    """Actions are numbers without names, although the card says of each what it moves."""
    env = module.make()
    view = view_of(env)
    assert view.actions == ()
    assert view.action_size == env.action_space.shape[0]
    assert view.obs_size == env.observation_space.shape[0]


@pytest.mark.integration
def test_an_expert_reward_passes_the_check_of_reward_search():
    """Also of features without bounds, of which the check makes up values."""
    card = hopper_back_flip.make().card
    verdict = Verifier("HopperBackFlip-v0").check(card.expert, "reward")
    assert verdict.ok


@BY_ID
def test_an_episode_can_be_saved_in_the_middle(module):
    env, other = module.make(), module.make()
    env.reset(seed=3)
    other.reset(seed=4)
    for _ in range(5):
        env.step(np.zeros(env.action_space.shape))
    other.set_state(env.get_state())
    for _ in range(20):
        mine, its = (e.step(np.full(e.action_space.shape, 0.1)) for e in (env, other))
        assert np.array_equal(mine[0], its[0])
        assert mine[1:] == its[1:]
        if mine[2] or mine[3]:
            break
