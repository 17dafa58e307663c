"""The worlds played by script: success, time limits, events, seeds, and what is refused."""

from __future__ import annotations

import copy
import shutil

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("nle")

import operant
from operant.envs.minihack import texts
from operant.envs.minihack.ground import CLOSED, LOCKED, Ground
from operant.envs.minihack.levels import LevelError
from operant.envs.minihack.lock import apply_key
from operant.envs.minihack.table import ROWS
from operant.reward_design.llm import compile_reward

N, E, S, W, NE, SE, SW, NW, PICK_UP, APPLY = range(10)
SOLUTION = (N, N, N, N, PICK_UP, SW, S, SW, W, APPLY, N, N, NW)
"""Of KeyRoom-Fixed."""
EVENTS = ("picked_up_key", "unlocked_door", "opened_door", "reached_stairs")


def told(info, *names):
    return tuple(info["features"][name] for name in names)


def happened(info):
    return {name for name in EVENTS if info[name]}


def test_key_room_by_script() -> None:
    env = gym.make("KeyRoom-Fixed-S5-v0")
    _, info = env.reset(seed=5)
    stages = ("subgoal", "steps_to_subgoal", "has_key", "door_locked", "door_open")
    assert told(info, *stages, "steps_to_stairs") == (0, 4, False, True, False, 6)
    steps = [env.step(action) for action in SOLUTION]
    assert [step[1] for step in steps] == [0.0] * 12 + [1.0]
    assert [step[2] for step in steps] == [False] * 12 + [True]
    assert not any(step[3] for step in steps)
    infos = [step[4] for step in steps]
    assert [bool(happened(info)) for info in infos] == [i in (4, 9, 12) for i in range(13)]
    assert happened(infos[4]) == {"picked_up_key"}
    assert happened(infos[9]) == {"unlocked_door", "opened_door"}
    assert happened(infos[12]) == {"reached_stairs"}
    assert [told(info, "subgoal")[0] for info in infos] == [0] * 4 + [1] * 5 + [2] * 4
    ahead = [told(info, "steps_to_subgoal")[0] for info in infos]
    assert ahead == [3, 2, 1, 0, 4, 3, 2, 1, 0, 3, 2, 1, 0]
    assert [info["success"] for info in infos] == [False] * 12 + [True]
    with pytest.raises(gym.error.ResetNeeded):
        env.step(N)
    env.close()


def test_apply_without_key_or_door_does_nothing() -> None:
    env = gym.make("KeyRoom-Fixed-S5-v0")
    env.reset(seed=0)
    turns = []
    for action in (*SOLUTION[:4], APPLY, PICK_UP, APPLY, SW, S, SW, APPLY):
        info = env.step(action)[4]
        turns.append(told(info, "turn", "asked"))
        assert told(info, "door_locked") == (True,)  # the last time the door is beside diagonally
    assert [turn for turn, _ in turns] == [2, 3, 4, 5, 5, 6, 6, 7, 8, 9, 9]
    assert not any(asked for _, asked in turns)
    env.close()


@pytest.mark.parametrize("state", [LOCKED, CLOSED])
def test_apply_is_bounded_when_the_door_never_gives_way(monkeypatch, state) -> None:
    env = gym.make("KeyRoom-Fixed-S5-v0")
    env.reset(seed=0)
    for action in SOLUTION[:9]:
        env.step(action)
    world = env.unwrapped.world
    game, here = world.games[0], Ground(world.games[0]).hero
    presses = []
    for name in ("step", "act"):
        press = getattr(game, name)
        monkeypatch.setattr(game, name, lambda *a, press=press: presses.append(a) or False)
    monkeypatch.setattr(game, "settle", lambda: False)
    monkeypatch.setattr(
        Ground, "door", lambda self, y, x: state if (y, x) == (here[0] - 1, here[1]) else -1
    )
    assert apply_key(game, world._grounds[0]) is False
    assert 1 <= len(presses) <= 60
    monkeypatch.undo()
    env.close()


def test_a_closed_door_is_only_opened() -> None:
    """A step into the unlocked door would do, so the key must not lock it again."""
    des = texts.fixed_key_room().replace("DOOR:locked", "DOOR:closed")
    env = gym.make("HackLevel-v0", des=des)
    env.reset(seed=0)
    names = list(env.unwrapped.world.action_names)
    plan = [names.index("pick_up") if a == PICK_UP else a for a in SOLUTION[:9]]
    for action in plan:
        env.step(action)
    ground = Ground(env.unwrapped.world.games[0])
    row, column = ground.hero
    assert ground.door(row - 1, column) == CLOSED
    env.step(names.index("apply_key"))
    assert 0 <= ground.door(row - 1, column) < CLOSED
    env.close()


@pytest.mark.parametrize("env_id", ["KeyRoom-S5-v0", "KeyRoom-Dark-S15-v0"])
def test_random_key_rooms_can_be_solved_by_their_features(env_id) -> None:
    """A planner that walks to what `subgoal` names wins every level within a few steps."""
    env = gym.make(env_id)
    starts = set()
    for seed in range(12):
        _, info = env.reset(seed=seed)
        world = env.unwrapped.world
        ground, ways = world._grounds[0], world._ways[0]
        starts.add((ground.hero, ground.stairs, world._keys[0], world._doors[0]))
        assert told(info, "subgoal", "door_locked") == (0, True)
        seen = []
        for _ in range(120):
            stage, ahead = told(info, "subgoal", "steps_to_subgoal")
            goal = (world._keys[0], world._doors[0], ground.stairs)[stage]
            if stage < 2 and ahead == 0:
                action = (PICK_UP, APPLY)[stage]
            else:
                action = ways.path(goal, ground.hero)[0]
            *_, terminated, _, info = env.step(action)
            seen += happened(info)
            if action < PICK_UP and stage < 2:
                assert told(info, "steps_to_subgoal")[0] == ahead - 1
            if terminated:
                break
        assert (seen[0], set(seen[1:3]), seen[3:]) == (EVENTS[0], set(EVENTS[1:3]), [EVENTS[3]])
    assert len(starts) >= 11
    env.close()


@pytest.mark.parametrize(
    "env_id", ["HackRoom-5x5-v0", "HackRoom-Random-15x15-v0", "HackRoom-Dark-5x5-v0"]
)
def test_the_oracle_of_quiet_rooms_is_exact(env_id) -> None:
    env = gym.make(env_id)
    for seed in range(4):
        env.reset(seed=seed)
        oracle = env.unwrapped.oracle()
        ground = env.unwrapped.world._grounds[0]
        (y, x), (to_y, to_x) = ground.hero, ground.stairs
        assert oracle.solution_length == max(abs(y - to_y), abs(x - to_x))  # the room is empty
        results = [env.step(action) for action in oracle.actions]
        assert [r[1] for r in results] == [0.0] * (len(results) - 1) + [1.0]
        assert results[-1][4]["success"]
        assert env.unwrapped.oracle().optimal_return == 0.0
    env.close()


def test_a_room_without_time_cannot_be_won() -> None:
    env = gym.make("HackRoom-5x5-v0", max_steps=3)
    env.reset(seed=0)
    assert env.unwrapped.oracle().optimal_return == 0.0
    results = [env.step(SE) for _ in range(3)]
    assert [(r[2], r[3], r[1]) for r in results] == [
        (False, False, 0),
        (False, False, 0),
        (False, True, 0),
    ]
    env.close()


def test_time_limits() -> None:
    limits = {row.id: operant.card(row.id).truncation for row in ROWS}
    for env_id, steps in {
        "KeyRoom-S5-v0": 200,
        "KeyRoom-Dark-S15-v0": 400,
        "HackRoom-5x5-v0": 100,
        "HackRoom-Ultimate-15x15-v0": 300,
        "HackCorridor-R5-v0": 1000,
        "HackRiver-Narrow-v0": 350,
        "HackMultiRoom-N2-v0": 40,
        "HackMultiRoom-N4-Locked-v0": 120,
    }.items():
        assert limits[env_id] == f"after {steps} steps"


def test_frozen_steps_cost_only_on_request() -> None:
    for penalty in (0.0, -0.01):
        env = gym.make("KeyRoom-Fixed-S5-v0", penalty_step=penalty)
        env.reset(seed=0)
        assert env.step(E)[1] == penalty  # a wall: no game time
        assert env.step(N)[1] == 0.0
        env.close()


RIVER = """MAZE:"level",' '
FLAGS:hardfloor
GEOMETRY:center,center
MAP
...}..
...}..
...}..
ENDMAP
REGION:(0,0,5,2),lit,"ordinary"
OBJECT:('`',"boulder"),(1,1)
STAIR:(5,1),down
TELEPORT_REGION:(0,1,0,1),(0,0,0,0),down
"""


def test_river_by_script(monkeypatch) -> None:
    monkeypatch.setattr(texts, "river", lambda *_, **__: RIVER)
    env = gym.make("HackRiver-v0", width=1, boulders=1)
    fords = 0
    for seed in range(6):
        _, info = env.reset(seed=seed)
        names = ("subgoal", "boulders", "fords", "beyond", "steps_to_subgoal")
        assert told(info, *names) == (0, 1, 0, False, 2)
        info = env.step(E)[4]
        assert told(info, *names) == (0, 1, 0, False, 1)
        assert (info["boulder_in_water"], info["made_ford"]) == (0, 0)
        info = env.step(E)[4]
        assert told(info, "boulders") == (0,)
        assert info["boulder_in_water"] == 1
        made = info["made_ford"]
        assert told(info, "fords", "subgoal") == (made, made)
        if made:
            fords += 1
            assert told(info, "steps_to_subgoal", "steps_to_stairs") == (3, 3)
            steps = [env.step(E) for _ in range(3)]
            assert [step[4]["crossed"] for step in steps] == [False, True, False]
            assert [step[1] for step in steps] == [0, 0, 1]
    assert fords >= 4  # nine in ten
    env.close()


def test_multi_room_by_its_features() -> None:
    env = gym.make("HackMultiRoom-N4-v0")
    opened = 0
    for seed in range(5):
        _, info = env.reset(seed=seed)
        world = env.unwrapped.world
        assert told(info, "subgoal", "doors_open", "closed_doors_left") == (0, 0, 3)
        count = 0
        for _ in range(120):
            ground, ways = world._grounds[0], world._ways[0]
            *_, terminated, _, info = env.step(ways.path(ground.stairs, ground.hero)[0])
            count += info["door_opened"]
            assert told(info, "doors_open", "subgoal") == (count, count)
            if terminated:
                break
        assert info["success"]
        opened += count
    assert opened == 15
    env.close()


def test_corridor_starts_in_another_room() -> None:
    env = gym.make("HackCorridor-R2-v0")
    for seed in range(6):
        _, info = env.reset(seed=seed)
        ground = env.unwrapped.world._grounds[0]
        assert ground.rooms[ground.hero] != ground.rooms[ground.stairs]
        assert 0 < told(info, "steps_to_stairs")[0] < 200
    env.close()


def start_of(env, **reset):
    obs, info = env.reset(**reset)
    return obs["glyphs"].tobytes() + obs["blstats"].tobytes(), info["features"]


def test_a_level_seed_fixes_the_start_and_not_the_play() -> None:
    env = gym.make("HackRoom-Ultimate-15x15-v0", level_seed=7)
    traces = []
    first = start_of(env, seed=0)
    for seed in (None, None, 1, 2):
        assert start_of(env, seed=seed) == first
        trace = b""
        for action in range(40):
            obs, _, terminated, truncated, _ = env.step(action % 8)
            trace += obs["glyphs"].tobytes() + obs["blstats"].tobytes()
            if terminated or truncated:
                break
        traces.append(trace)
    assert len(set(traces)) > 1
    assert start_of(gym.make("HackRoom-Ultimate-15x15-v0", level_seed=8), seed=0) != first
    env.close()


def test_a_reported_level_seed_brings_the_level_back() -> None:
    env = gym.make("KeyRoom-S15-v0")
    first = start_of(env, seed=3)
    seed = env.step(N)[4]["level_seed"]
    again = gym.make("KeyRoom-S15-v0", level_seed=seed)
    assert start_of(again, seed=99) == first
    env.close()
    again.close()


def test_training_and_test_levels_are_kept_apart() -> None:
    def levels(**options):
        env = gym.make("KeyRoom-S5-v0", **options)
        seeds = set()
        for seed in range(25):
            env.reset(seed=seed)
            seeds.add(env.step(N)[4]["level_seed"])
        env.close()
        return seeds

    assert levels(train_levels=3) == {0, 1, 2}
    test = levels(test_levels=3)
    assert len(test) == 3
    assert min(test) == 2**31
    assert levels(train_levels=[5, 9]) == {5, 9}
    assert min(levels()) > max(test)


@pytest.mark.parametrize(
    ("env_id", "options", "said"),
    [
        ("KeyRoom-S5-v0", {"train_levels": 2, "level_seed": 1}, "exclude each other"),
        ("KeyRoom-S5-v0", {"train_levels": 0}, "train_levels must be"),
        ("KeyRoom-S5-v0", {"test_levels": [-1]}, "test_levels must be"),
        ("KeyRoom-S5-v0", {"size": 4}, r"size must lie in \[5, 15\]"),
        ("KeyRoom-S5-v0", {"closet": 3}, r"closet must lie in \[1, 2\]"),
        ("KeyRoom-S5-v0", {"sise": 4}, "unknown argument 'sise'"),
        ("KeyRoom-S5-v0", {"hackdir": "x"}, "hackdir is this world's own"),
        ("HackRoom-5x5-v0", {"traps": -1}, r"traps must lie in \[0, 50\]"),
        ("HackRiver-v0", {"width": 9}, r"width must lie in \[1, 5\]"),
        ("HackMultiRoom-N2-v0", {"doors": "ajar"}, "doors must be one of"),
        ("HackCorridor-R2-v0", {"rooms": 1}, r"rooms must lie in \[2, 10\]"),
        ("HackLevel-v0", {"des": 'LEVEL:"a"\nROM:"x"\n'}, "line 2.*syntax error"),
        ("HackLevel-v0", {"des": "missing.des"}, "No such file"),
    ],
)
def test_bad_arguments_are_named(env_id, options, said) -> None:
    with pytest.raises(ValueError, match=said):
        gym.make(env_id, **options)


def test_a_level_without_stairs_is_refused_at_reset() -> None:
    des = texts.room(3, random=False, lit=True, monsters=0, traps=0).replace("STAIR", "#STAIR")
    env = gym.make("HackLevel-v0", des=des)
    with pytest.raises(LevelError, match="give it STAIR"):
        env.reset(seed=0)
    env = gym.make("HackLevel-v0", des=des, any_start=True, max_steps=5)
    env.reset(seed=0)
    assert [env.step(E)[3] for _ in range(5)] == [False] * 4 + [True]
    env.close()


@pytest.mark.parametrize(
    "rest",
    [
        "OBJECT:random,random\n" * 40,  # their looks are shuffled
        "MONSTER:random,random\n" * 20,
        'MONSTER:(\'m\',"giant mimic"),(2,1),m_feature "staircase down"\n',
        "TERRAIN:fillrect(2,1,3,1),'}'\n",
    ],
)
def test_odd_levels_are_played(rest) -> None:
    des = texts.room(4, random=False, lit=True, monsters=0, traps=0) + rest
    for text in (des, des.replace("FLAGS:hardfloor", "FLAGS:hardfloor,nommap")):
        env = gym.make("HackLevel-v0", des=text)
        for seed in range(6):
            env.reset(seed=seed)
            for action in (E, S, SE, W, 12, N):
                *_, terminated, _, info = env.step(action)
                assert info["success"] == (info["features"]["steps_to_stairs"] == 0)
                if terminated:
                    break
        env.close()


def test_a_file_of_several_levels_plays_all_of_them() -> None:
    small, large = (texts.room(n, random=False, lit=True, monsters=0, traps=0) for n in (3, 9))
    env = gym.make("HackLevel-v0", des=small + large.replace('"level"', '"large"'))
    lengths = {env.reset(seed=seed)[1]["features"]["steps_to_stairs"] for seed in range(12)}
    assert lengths == {2, 8}
    env.close()


def test_an_emptied_cache_is_filled_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    env = gym.make("KeyRoom-Fixed-S5-v0")
    first = start_of(env, seed=0)
    shutil.rmtree(tmp_path / "operant")
    assert start_of(env, seed=0) == first
    env.close()


def test_copies_have_the_same_future_after_the_door() -> None:
    env = gym.make("KeyRoom-Fixed-S5-v0")
    env.reset(seed=1)
    for action in SOLUTION[:10]:
        env.step(action)
    other = copy.deepcopy(env)
    for action in SOLUTION[10:]:
        one, two = env.step(action), other.step(action)
        assert one[1:] == two[1:]
        np.testing.assert_array_equal(one[0]["glyphs"], two[0]["glyphs"])
    assert two[2]
    env.close()
    other.close()


def test_potential_shaping_works_at_once() -> None:
    design = operant.make_design("potential", privileged=True)
    env = operant.shape(gym.make("KeyRoom-Fixed-S5-v0"), design, gamma=0.99)
    env.reset(seed=0)
    rewards = [env.step(action)[1] for action in SOLUTION]
    assert min(rewards[:-1]) > -0.02
    assert all(rewards[i] > 0.2 for i in (4, 9))


def test_the_expert_reward_compiles_and_likes_the_solution() -> None:
    card = operant.card("KeyRoom-S5-v0")
    program = compile_reward(card.expert, obs_size=0, features=card.features)
    env = gym.make("KeyRoom-Fixed-S5-v0")
    _, info = env.reset(seed=0)
    before, total = info["features"], 0.0
    for action in SOLUTION:
        info = env.step(action)[4]
        after = info["features"]
        known = {**after, **{f"prev_{name}": value for name, value in before.items()}}
        paid = program(None, action, None, known)
        assert paid > (0.4 if happened(info) else 0.0)
        total, before = total + paid, after
    assert total > 2
    env.close()


@pytest.mark.integration
def test_many_rows_equal_single_ones() -> None:
    envs = gym.make_vec("KeyRoom-S5-v0", num_envs=3, vectorization_mode="vector_entry_point")
    singles = [gym.make("KeyRoom-S5-v0", disable_env_checker=True) for _ in range(3)]
    obs, _ = envs.reset(seed=4)
    alone = [env.reset(seed=4 + i)[0] for i, env in enumerate(singles)]
    rng = np.random.default_rng(0)
    for _ in range(60):
        for i, one in enumerate(alone):
            np.testing.assert_array_equal(obs["glyphs"][i], one["glyphs"])
        actions = rng.integers(10, size=3)
        obs, rewards, ended, cut, _ = envs.step(actions)
        steps = [env.step(int(action)) for env, action in zip(singles, actions, strict=True)]
        alone = [step[0] for step in steps]
        assert rewards.tolist() == [step[1] for step in steps]
        if ended.any() or cut.any():
            break
    envs.close()
    for env in singles:
        env.close()
