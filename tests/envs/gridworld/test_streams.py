"""Random streams: one per row, decided by its seed and by nothing else."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)


def first_level(env, seed=None) -> bytes:
    env.reset(seed=seed)
    state = env.unwrapped.get_state()
    return state["world.grid"].tobytes() + state["world.agent"].tobytes()


def play(env, seed: int, rows: int, steps: int) -> list[np.ndarray]:
    """Return everything the first rows show over fixed actions."""
    rng = np.random.default_rng(0)
    obs, infos = env.reset(seed=seed)
    record = [obs["image"][:rows], obs["direction"][:rows]]
    for _ in range(steps):
        shared = rng.integers(0, 7, rows)
        rest = np.full(env.num_envs - rows, 6)
        obs, reward, terminated, truncated, infos = env.step(np.concatenate([shared, rest]))
        record += [obs["image"][:rows], obs["direction"][:rows], reward[:rows]]
        record += [terminated[:rows], truncated[:rows]]
        record += [values[:rows] for values in infos["features"].values() if values.ndim]
    return record


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("layout", ["operant", "minigrid"])
def test_rows_do_not_depend_on_how_many_there_are(mode: str, layout: str) -> None:
    kwargs = {"autoreset_mode": mode, "layout": layout, "max_steps": 20}
    small, large = (gym.make_vec("SparseKey-6x6-v0", num_envs=n, **kwargs) for n in (3, 11))
    for ours, theirs in zip(play(small, 5, 3, 90), play(large, 5, 3, 90), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("layout", ["operant", "minigrid"])
def test_row_i_is_the_scalar_env_seeded_s_plus_i(layout: str) -> None:
    kwargs = {"layout": layout, "max_steps": 25, "reward": "minigrid"}
    batch = gym.make_vec("SparseKey-5x5-v0", num_envs=4, autoreset_mode="SameStep", **kwargs)
    scalars = [gym.make("SparseKey-5x5-v0", **kwargs) for _ in range(4)]
    obs, infos = batch.reset(seed=7)
    plans = []
    for i, env in enumerate(scalars):
        own, info = env.reset(seed=7 + i)
        np.testing.assert_array_equal(own["image"], obs["image"][i])
        assert info["features"] == {k: v[i] for k, v in infos["features"].items()}
        plans.append(list(env.unwrapped.oracle().actions)[:: -1 if i % 2 else 1])
    ends = successes = 0
    rng = np.random.default_rng(0)
    for _ in range(120):
        # Rows 1 and 3 follow their solution, the others play at random.
        actions = np.array(
            [p.pop() if i % 2 and p else rng.integers(7) for i, p in enumerate(plans)]
        )
        obs, reward, terminated, truncated, infos = batch.step(actions)
        for i, env in enumerate(scalars):
            own, r, term, trunc, info = env.step(int(actions[i]))
            assert (r, term, trunc) == (reward[i], terminated[i], truncated[i])
            assert info["true_reward"] == infos["true_reward"][i]
            features = infos["features"]
            if term or trunc:
                final = infos["final_obs"][i]
                np.testing.assert_array_equal(own["image"], final["image"])
                assert own["direction"] == final["direction"]
                last = infos["final_info"]
                assert info["success"] == last["success"][i] == infos["success"][i]
                assert info["features"] == {
                    k: v[i] for k, v in last["features"].items() if not k.startswith("_")
                }
                ends, successes = ends + 1, successes + info["success"]
                own, info = env.reset()
                plans[i] = list(env.unwrapped.oracle().actions)[::-1]
            assert info["features"] == {k: v[i] for k, v in features.items()}
            np.testing.assert_array_equal(own["image"], obs["image"][i])
            assert own["direction"] == obs["direction"][i]
    assert ends > 20
    assert successes > 5


def test_seeds_give_different_levels() -> None:
    env = gym.make("SparseKey-16x16-v0")
    levels = {first_level(env, seed) for seed in range(1001)}
    assert len(levels) > 980  # a few coincide by chance
    assert {first_level(env, seed) for seed in range(1001)} == levels


@pytest.mark.parametrize("layout", ["operant", "minigrid"])
def test_reset_without_seed_continues_the_stream(layout: str) -> None:
    one, other = (gym.make("SparseKey-16x16-v0", layout=layout) for _ in range(2))
    levels = [first_level(one, seed) for seed in (3, None, None)]
    assert len(set(levels)) == 3
    assert [first_level(other, seed) for seed in (3, None, None)] == levels
    one.step(2)  # what is played does not draw
    assert first_level(one) == first_level(other)


def test_unseeded_envs_differ() -> None:
    assert first_level(gym.make("SparseKey-16x16-v0")) != first_level(
        gym.make("SparseKey-16x16-v0")
    )
    batches = [gym.make_vec("SparseKey-16x16-v0", num_envs=3) for _ in range(2)]
    levels = []
    for env in batches:
        env.reset()
        state = env.unwrapped.get_state()
        # The agent too: of walls and keys alone, two in 10,000 levels are alike.
        both = zip(state["world.grid"], state["world.agent"], strict=True)
        levels += [grid.tobytes() + agent.tobytes() for grid, agent in both]
    assert len(set(levels)) == 6


def test_numpy_integers_and_large_numbers_are_seeds() -> None:
    env = gym.make("SparseKey-16x16-v0")
    assert first_level(env, 7) == first_level(env, int(np.int64(7)))
    assert first_level(env, 2**64 - 1) == first_level(env, 2**64 - 1) != first_level(env, 7)
    batch = gym.make_vec("SparseKey-16x16-v0", num_envs=1)
    assert first_level(batch, 2**63) == first_level(env, 2**63)


def test_listed_seeds_restart_only_their_rows() -> None:
    env = gym.make_vec("SparseKey-16x16-v0", num_envs=3)
    env.reset(seed=0)
    env.reset(seed=[None, 50, None])
    grids = env.unwrapped.get_state()["world.grid"]
    for row, seeds in enumerate([(0, None), (50,), (2, None)]):
        scalar = gym.make("SparseKey-16x16-v0")
        for seed in seeds:
            scalar.reset(seed=seed)
        np.testing.assert_array_equal(grids[row], scalar.unwrapped.get_state()["world.grid"][0])


@pytest.mark.parametrize("seed", [None, 40, [40, 41, 42]])
def test_masked_reset_leaves_the_other_rows_alone(seed) -> None:
    """Their streams too: later levels come as if nothing had happened."""
    env, twin = (
        gym.make_vec("SparseKey-8x8-v0", num_envs=3, autoreset_mode="Disabled", max_steps=9)
        for _ in range(2)
    )
    for batch in (env, twin):
        batch.reset(seed=0)
        batch.step(np.array([0, 0, 0]))
    env.reset(seed=seed, options={"reset_mask": np.array([False, True, False])})
    before, after = twin.unwrapped.get_state(), env.unwrapped.get_state()
    for key in before:
        np.testing.assert_array_equal(before[key][[0, 2]], after[key][[0, 2]], err_msg=key)
    assert (before["world.agent"][1] != after["world.agent"][1]).any()
