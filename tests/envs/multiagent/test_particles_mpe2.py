"""The native engine against mpe2, from equal states, over whole episodes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mpe2")
pytest.importorskip("pettingzoo")

from operant.envs.multiagent.particles.batch import ParticleBatch
from operant.envs.multiagent.particles.mpe2_env import make, mpe2_worlds
from operant.envs.multiagent.particles.scenarios import spread, tag

PAIRS = {
    "spread-3": (spread(3), "simple_spread", {"N": 3}),
    "spread-6": (spread(6), "simple_spread", {"N": 6}),
    "tag-3": (tag(3, 1, 2), "simple_tag", {}),
    "tag-6": (
        tag(6, 2, 3),
        "simple_tag",
        {"num_adversaries": 6, "num_good": 2, "num_obstacles": 3},
    ),
}


def places(world) -> tuple[np.ndarray, np.ndarray]:
    at = np.array([entity.state.p_pos for entity in world.entities])
    return at, np.array([agent.state.p_vel for agent in world.agents])


@pytest.mark.parametrize("name", PAIRS)
def test_equal_states_have_equal_futures(name: str) -> None:
    """Six episodes each; half of them begin in a crowd."""
    what, world, options = PAIRS[name]
    judge, ours = make(world=world, **options), ParticleBatch(num_envs=1, scenario=what)
    rng, touched = np.random.default_rng(7), 0
    assert ours.scenario.agents == tuple(judge.possible_agents)
    for episode in range(6):
        seen, _ = judge.reset(seed=episode)
        if crowd := episode % 2:
            for entity in judge.unwrapped.world.entities:
                entity.state.p_pos *= 0.1
        ours.reset([episode])
        ours.place(0, *places(judge.unwrapped.world))
        for step in range(what.horizon):
            for player, agent in enumerate(judge.agents if step or not crowd else ()):
                mine = ours.last_obs[0, player] if step else ours.obs[0, player]
                np.testing.assert_allclose(mine[: len(seen[agent])], seen[agent], atol=1e-7)
                assert (mine[len(seen[agent]) :] == 0).all()
            batch = rng.integers(0, 5, (1, ours.players))
            acted = dict(zip(judge.agents, batch[0].tolist(), strict=True))
            at_end = step == what.horizon - 1
            rewards, terminated, truncated = ours.step(batch)
            seen, paid, _, cut, infos = judge.step(acted)
            np.testing.assert_allclose(rewards[0], list(paid.values()), atol=1e-9)
            assert truncated[0] == at_end == all(cut.values())
            assert not terminated[0]
            if not at_end:  # the next episode has begun
                at, speed = places(judge.unwrapped.world)
                np.testing.assert_allclose(ours.at[0], at, atol=1e-9)
                np.testing.assert_allclose(ours.speed[0], speed, atol=1e-9)
            info = next(iter(infos.values()))
            assert info["true_reward"] == next(iter(paid.values()))
            if world == "simple_spread":
                assert info["success"] == ours.success[0]
            told = ours.last_facts
            touched += any(told[name].any() for name in told if name.startswith("touched"))
    assert touched >= 3  # contacts were put to the test
    judge.close()


def test_mpe2s_worlds_are_found_by_name() -> None:
    assert {"simple_spread", "simple_tag", "simple_world_comm"} <= set(mpe2_worlds())
    with pytest.raises(KeyError, match="simple_spread"):
        make(world="simple_spred")


def test_wrapped_worlds_tell_success() -> None:
    env = make(world="simple_tag")
    env.reset(seed=0)
    hunter, *_, prey = env.unwrapped.world.agents
    hunter.state.p_pos = prey.state.p_pos + 0.01
    *_, infos = env.step(dict.fromkeys(env.agents, 0))
    assert all(info["success"] is True for info in infos.values())
    env.reset(seed=1)
    *_, infos = env.step(dict.fromkeys(env.agents, 0))
    assert all(info["success"] is False for info in infos.values())
    env.close()


@pytest.mark.parametrize("world", ["simple_adversary", "simple_world_comm", "simple_reference"])
def test_wrapped_worlds_keep_the_interface(world: str) -> None:
    env = make(world=world)
    obs, _ = env.reset(seed=3)
    total = 0
    while env.agents:
        assert all(env.observation_space(a).contains(obs[a]) for a in env.agents)
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        obs, rewards, _, _, infos = env.step(actions)
        assert all(infos[a]["true_reward"] == rewards[a] for a in rewards)
        assert all(isinstance(infos[a]["success"], bool) for a in rewards)
        total += 1
    assert total == 25
    env.close()
