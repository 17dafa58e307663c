"""The robots are Gymnasium's, number for number, and their features say what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("mujoco")

from operant.envs.batched.vector import WorldVectorEnv
from operant.envs.mujoco.delayed import V5World
from operant.envs.mujoco.robots import NAMES, named
from operant.envs.mujoco.robots.free import attitude
from operant.envs.mujoco.robots.robot import no_advice
from operant.envs.mujoco.simulation import Simulation, mujoco
from operant.reward_design.llm import compile_reward

STEPS = 80


def peer(name: str) -> Any:
    """Return Gymnasium's env of a robot."""
    with no_advice():
        return gym.make(named(name).gymnasium_id)


def actions_of(space: Any, steps: int, rows: int) -> npt.NDArray[np.float32]:
    """Return random actions, (steps, rows, motors), some beyond the bounds."""
    drawn = np.random.default_rng(1).uniform(-1.2, 1.2, (steps, rows, *space.shape))
    return (drawn * space.high).astype(np.float32)


def side_by_side(name: str, num: int, threads: int) -> Iterator[tuple[Any, ...]]:
    """Yield (row, what Gymnasium's env returned, what ours did) over several episodes."""
    world = V5World(num=num, robot=name, threads=threads)
    ours, theirs = WorldVectorEnv(world), [peer(name) for _ in range(num)]
    obs, infos = ours.reset(seed=7)
    for row, env in enumerate(theirs):
        yield row, (*env.reset(seed=7 + row), None), (obs, infos, None)
    ended = np.zeros(num, np.bool_)
    for action in actions_of(world.action_space, STEPS, num):
        obs, reward, terminated, _, infos = ours.step(action)
        for row, env in enumerate(theirs):
            if ended[row]:
                yield row, (*env.reset(), None), (obs, infos, None)
                ended[row] = False
                continue
            seen, paid, over, _, told = env.step(action[row])
            ended[row] = over
            yield row, (seen, told, (paid, over)), (obs, infos, (reward[row], terminated[row]))
    ours.close()


@pytest.mark.parametrize(
    ("name", "threads"), [*((name, 1) for name in NAMES), ("hopper", 2), ("ant", 2)]
)
def test_observations_rewards_ends_and_positions_equal_gymnasiums(name: str, threads: int) -> None:
    """Exactly, over starts and episodes that go on from one random stream."""
    ends = 0
    for row, (seen, told, judged), (obs, infos, ours) in side_by_side(name, 2, threads):
        np.testing.assert_array_equal(obs[row], seen)
        features = {key: value[row] for key, value in infos["features"].items()}
        assert features["x_position"] == told["x_position"]
        if judged is None:
            assert features["forward_velocity"] == features["control_cost"] == 0.0
            continue
        assert judged == ours
        assert features["forward_velocity"] == told["x_velocity"]
        assert features["control_cost"] == -told["reward_ctrl"]
        if "y_velocity" in told:
            assert features["side_velocity"] == told["y_velocity"]
            assert features["contact_cost"] == -told["reward_contact"]
            assert features["distance_from_origin"] == pytest.approx(told["distance_from_origin"])
        ends += judged[1]
    assert ends > 1 or name in ("half_cheetah", "ant")


@pytest.mark.parametrize("name", NAMES)
def test_terms_of_the_reward_are_those_of_gymnasiums_info(name: str) -> None:
    world, env, row = V5World(num=1, robot=name), peer(name), np.zeros(1, np.int64)
    world.seed([3])
    world.reset(row)
    env.reset(seed=3)
    for action in actions_of(world.action_space, 5, 1):
        before = world.robot.place(world.simulation, row)
        world.step(row, action)
        _, reward, *_, told = env.step(action[0])
        motion = world.robot.motion(world.simulation, row, before)
        total, terms = world.robot.v5_reward(motion)
        assert total[0] == reward == world.out.reward[0]
        expected = {key: float(term) for key, term in told.items() if key.startswith("reward_")}
        assert {key: term[0] for key, term in terms.items()} == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_experts_program_is_gymnasiums_reward(name: str) -> None:
    world, row = V5World(num=1, robot=name), np.zeros(1, np.int64)
    program = compile_reward(world.robot.expert, obs_size=0, features=world.table)
    world.seed([0])
    world.reset(row)
    for action in actions_of(world.action_space, 60, 1):
        info = {f"prev_{key}": value[0] for key, value in world.out.features.items()}
        world.step(row, action)
        info |= {key: value[0] for key, value in world.out.features.items()}
        assert program(None, action[0], None, info) == pytest.approx(world.out.reward[0], abs=1e-9)
        if world.out.terminated[0]:
            world.reset(row)


@pytest.mark.parametrize("name", NAMES)
def test_joints_and_motors_are_named_in_the_models_order(name: str) -> None:
    """A push on one motor moves the joint of its name most."""
    robot = named(name)
    model = robot.model
    hinges = [j for j in range(model.njnt) if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_HINGE]
    hinges = hinges[-len(robot.joints) :]
    assert model.nq - model.jnt_qposadr[hinges[0]] == len(robot.joints)
    driven = [hinges.index(int(joint)) for joint in model.actuator_trnid[:, 0]]
    assert tuple(robot.joints[joint] for joint in driven) == robot.motors


def posed(name: str, qpos: Any = None) -> tuple[Simulation, Any]:
    """Return a robot without noise, in its first or another pose, and its features."""
    robot, row = named(name), np.zeros(1, np.int64)
    simulation = robot.simulation(1)
    simulation.reset(row)
    if qpos is not None:
        simulation.qpos[0, : len(qpos)] = qpos
    simulation.forward(row)
    values = robot.features(simulation, row, robot.rest(simulation, row))[0]
    names = [feature.name for feature in robot.table]
    assert len(names) == len(set(names)) == len(values)
    return simulation, dict(zip(names, values, strict=True))


def test_heights_are_in_metres_over_the_floor() -> None:
    assert posed("hopper")[1]["torso_height"] == pytest.approx(1.25)
    assert posed("half_cheetah")[1]["torso_height"] == pytest.approx(0.7)
    assert posed("ant")[1]["torso_height"] == pytest.approx(0.75)
    assert posed("humanoid")[1]["torso_height"] == pytest.approx(1.4)


@pytest.mark.parametrize("name", ["hopper", "walker2d", "half_cheetah", "humanoid"])
def test_feet_are_as_high_as_their_lowest_point(name: str) -> None:
    """By MuJoCo's own distance of the foot from the floor."""
    simulation, features = posed(name)
    model, data = simulation.model, simulation.data(0)
    for foot in named(name).feet:
        floor, geom = model.geom("floor").id, model.geom(foot.geom).id
        distance = mujoco.mj_geomDistance(model, data, floor, geom, 5.0, None)
        assert features[f"{foot.name}_height"] == pytest.approx(distance)


def test_the_ants_feet_are_the_tips_of_its_legs() -> None:
    """A bent ankle lowers the tip of its own foot and of no other."""
    _, flat = posed("ant")
    pose = [0.0, 0.0, 0.75, 1.0, 0.0, 0.0, 0.0] + [0.0] * 8
    pose[8] = 1.0  # front_left_ankle, in rad
    _, bent = posed("ant", pose)
    leg = np.hypot(0.4, 0.4)
    for name in ("front_left", "back_left", "back_right", "front_right"):
        lowered = flat[f"{name}_foot_height"] - bent[f"{name}_foot_height"]
        assert lowered == pytest.approx(
            leg * np.sin(1.0) if name == "front_left" else 0.0, abs=1e-6
        )
    assert flat["front_left_foot_height"] == pytest.approx(0.75 - 0.08)


def test_a_foot_on_the_floor_has_contact() -> None:
    for lift, touches in ((0.005, 1.0), (0.02, 0.0)):
        _, standing = posed("hopper")
        _, features = posed("hopper", [0.0, 1.25 - standing["foot_height"] + lift])
        assert features["foot_height"] == pytest.approx(lift)
        assert features["foot_contact"] == touches


def test_an_ant_that_stands_has_all_feet_on_the_floor() -> None:
    env = gym.make("SparseAnt-v0")
    env.reset(seed=0)
    for _ in range(60):
        *_, info = env.step(np.zeros(8))
    legs = ("front_left", "back_left", "back_right", "front_right")
    assert all(info["features"][f"{leg}_foot_contact"] for leg in legs)


def test_a_forward_lean_is_a_positive_pitch() -> None:
    """In the plane, where it counts full turns, and in space."""
    for name in ("hopper", "walker2d", "half_cheetah"):
        simulation, features = posed(name, [0.0, 5.0, 7.0])
        assert features["torso_pitch"] == 7.0
        up = simulation.data(0).xmat[1].reshape(3, 3)[:, 2]
        assert up[0] == pytest.approx(np.sin(7.0))
    half = 0.5 * 0.3
    _, features = posed("ant", [0.0, 0.0, 5.0, np.cos(half), 0.0, np.sin(half), 0.0])
    assert features["pitch"] == pytest.approx(0.3)
    assert features["up"] == pytest.approx(np.cos(0.3))


def test_attitude_agrees_with_rotation_matrices() -> None:
    quaternions = np.random.default_rng(0).normal(size=(50, 4))
    up, roll, pitch, heading = attitude(quaternions)
    for row, quaternion in enumerate(quaternions):
        matrix = np.zeros(9)
        mujoco.mju_quat2Mat(matrix, quaternion / np.linalg.norm(quaternion))
        matrix = matrix.reshape(3, 3)
        assert up[row] == pytest.approx(matrix[2, 2])
        assert roll[row] == pytest.approx(np.arctan2(matrix[2, 1], matrix[2, 2]))
        assert pitch[row] == pytest.approx(np.arcsin(-matrix[2, 0]))
        assert heading[row] == pytest.approx(np.arctan2(matrix[1, 0], matrix[0, 0]))


def test_an_unknown_robot_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"robot must be one of 'hopper'.*got 'swimmer'"):
        named("swimmer")


def test_loading_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """MuJoCo warns of an old attribute in the half cheetah's file."""
    from operant.envs.mujoco.robots.robot import load

    load.__wrapped__("half_cheetah.xml")
    assert capfd.readouterr() == ("", "")
