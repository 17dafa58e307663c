"""Time one learner inside its own interpreter: ``PYTHON learners.py KEY``.

It talks as :mod:`.peer_worker` does; a unit is a frame (one env step of one row) that was collected
and learned from. Everyone's task is PPO on DoorKey-8x8 from the first frame on: separate networks
for policy and value with two hidden layers of 64 tanh units, 4 epochs, gamma 0.99, lambda 0.95,
entropy bonus 0.01, learning rate 3e-4, one thread.
"""

from __future__ import annotations

import functools
import runpy
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

HYPER: dict[str, Any] = {
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "ent_coef": 0.01,
    "learning_rate": 3e-4,
    "n_epochs": 4,
}
ENV, LIMIT = "DoorKey-8x8-v0", 640

Chunk = Callable[[], int]
"""Collects a rollout, learns from it, and returns its frames."""


def ours(agent: str, num_envs: int, n_steps: int, batch_size: int, **hyper: Any) -> Chunk:
    """Train an agent of ours on the native batched env."""
    env = _native(num_envs)
    make_agent = _module("operant.agents").make_agent
    sizes = {"n_steps": n_steps, "batch_size": batch_size}
    learner = make_agent(agent, env, seed=0, **sizes, **HYPER, **hyper)

    def chunk() -> int:
        before: int = learner.num_steps
        learner.learn(before + n_steps * num_envs)
        done: int = learner.num_steps - before
        return done

    return chunk


def sbx(num_envs: int, n_steps: int, batch_size: int) -> Chunk:
    """Train the JAX PPO of sbx through our SB3 adapter; it knows no Dict, so it sees the image."""
    venv = _module("operant.agents.sb3.vec_env").SB3VecEnv(_native(num_envs))
    venv = _module("stable_baselines3.common.vec_env").VecExtractDictObs(venv, "image")
    learner = _module("sbx").PPO(
        "MlpPolicy", venv, n_steps=n_steps, batch_size=batch_size, seed=0, **HYPER
    )
    return _rollouts(learner, num_envs * n_steps)


def stock(num_envs: int, n_steps: int, batch_size: int) -> Chunk:
    """Train SB3's PPO on MiniGrid's own env, as its users do."""
    sizes = {"n_steps": n_steps, "batch_size": batch_size}
    return _rollouts(stock_ppo(num_envs, 0, **sizes, **HYPER), num_envs * n_steps)


def stock_ppo(num_envs: int, seed: int, **hyper: Any) -> Any:
    """Return SB3's PPO on MiniGrid's own env, which shows the image alone."""
    torch, minigrid = _module("torch"), _module("minigrid.wrappers")
    torch.set_num_threads(1)
    gymnasium, sb3 = _module("gymnasium"), _module("stable_baselines3")

    def make() -> Any:
        env = gymnasium.make("MiniGrid-DoorKey-8x8-v0", max_steps=LIMIT)
        return minigrid.ImgObsWrapper(env)

    venv = _module("stable_baselines3.common.env_util").make_vec_env(make, num_envs, seed=seed)
    return sb3.PPO("MlpPolicy", venv, seed=seed, device="cpu", **hyper)


def navix(num_envs: int, n_steps: int, batch_size: int) -> Chunk:
    """Train a PPO that XLA compiles together with NAVIX's env: one call is one iteration.

    Its observation is the first-person 7x7x3 view without occlusion, an easier task.
    """
    jax, jnp, optax = _module("jax"), _module("jax.numpy"), _module("optax")
    nx = _module("navix")
    env = nx.make(
        "Navix-DoorKey-8x8-v0",
        observation_fn=nx.observations.symbolic_first_person,
        max_steps=LIMIT,
    )
    actions, frames = len(env.action_set), num_envs * n_steps
    optimiser = optax.chain(
        optax.clip_by_global_norm(0.5), optax.adam(HYPER["learning_rate"], eps=1e-5)
    )

    def trunk(key: Any, outputs: int, gain: float) -> list[tuple[Any, Any]]:
        sizes, gains = (7 * 7 * 3, 64, 64, outputs), (2**0.5, 2**0.5, gain)
        keys = jax.random.split(key, 3)
        return [
            (jax.nn.initializers.orthogonal(g)(k, (i, o), jnp.float32), jnp.zeros(o))
            for k, g, i, o in zip(keys, gains, sizes, sizes[1:], strict=False)
        ]

    def evaluate(layers: list[tuple[Any, Any]], rows: Any) -> Any:
        for weight, bias in layers[:-1]:
            rows = jnp.tanh(rows @ weight + bias)
        return rows @ layers[-1][0] + layers[-1][1]

    def network(params: Any, obs: Any) -> tuple[Any, Any]:
        rows = obs.reshape(obs.shape[0], -1).astype(jnp.float32)
        logits = jax.nn.log_softmax(evaluate(params["pi"], rows))
        return logits, evaluate(params["vf"], rows)[:, 0]

    def collect(carry: Any, _: None) -> tuple[Any, Any]:
        params, timestep, key = carry
        key, draw = jax.random.split(key)
        logits, values = network(params, timestep.observation)
        chosen = jax.random.categorical(draw, logits)
        log_probs = jnp.take_along_axis(logits, chosen[:, None], 1)[:, 0]
        after = jax.vmap(env.step)(timestep, chosen)
        valid = timestep.step_type == 0  # its envs take a step of their own to reset
        done = after.step_type > 0
        seen = (timestep.observation, chosen, log_probs, values, after.reward, done, valid)
        return (params, after, key), seen

    def credit(carry: Any, step: Any) -> tuple[Any, Any]:
        following, trace = carry
        values, rewards, done = step
        discount = HYPER["gamma"] * (1 - done)
        trace = rewards + discount * following - values + discount * HYPER["gae_lambda"] * trace
        return (values, trace), trace

    def loss(params: Any, batch: Any) -> Any:
        obs, chosen, old, advantages, returns, valid = batch
        logits, values = network(params, obs)
        log_probs = jnp.take_along_axis(logits, chosen[:, None], 1)[:, 0]
        count = valid.sum()
        mean = (advantages * valid).sum() / count
        spread = jnp.sqrt((jnp.square(advantages - mean) * valid).sum() / count)
        advantages = (advantages - mean) / (spread + 1e-8)
        ratio = jnp.exp(log_probs - old)
        policy = -jnp.minimum(advantages * ratio, advantages * ratio.clip(0.8, 1.2))
        entropy = -(jnp.exp(logits) * logits).sum(1)
        value = jnp.square(values - returns)
        return ((policy + 0.5 * value - HYPER["ent_coef"] * entropy) * valid).sum() / count

    def descend(carry: Any, batch: Any) -> tuple[Any, None]:
        params, state = carry
        updates, state = optimiser.update(jax.grad(loss)(params, batch), state, params)
        return (optax.apply_updates(params, updates), state), None

    def epoch(carry: Any, order: Any) -> tuple[Any, None]:
        (params, state), data = carry
        shuffled = jax.tree.map(
            lambda part: part[order].reshape(-1, batch_size, *part.shape[1:]), data
        )
        trained, _ = jax.lax.scan(descend, (params, state), shuffled)
        return (trained, data), None

    def iteration(carry: Any) -> Any:
        params, state, timestep, key = carry
        (_, timestep, key), seen = jax.lax.scan(
            collect, (params, timestep, key), None, length=n_steps
        )
        obs, chosen, log_probs, values, rewards, done, valid = seen
        last = network(params, timestep.observation)[1]
        start = (last, jnp.zeros_like(last))
        _, advantages = jax.lax.scan(credit, start, (values, rewards, done), reverse=True)
        data = (obs, chosen, log_probs, advantages, advantages + values, valid)
        flat = jax.tree.map(lambda part: part.reshape(frames, *part.shape[2:]), data)
        key, *keys = jax.random.split(key, HYPER["n_epochs"] + 1)
        orders = jax.vmap(lambda k: jax.random.permutation(k, frames))(jnp.stack(keys))
        ((params, state), _), _ = jax.lax.scan(epoch, ((params, state), flat), orders)
        return params, state, timestep, key

    pi, vf, levels, key = jax.random.split(jax.random.PRNGKey(0), 4)
    params = {"pi": trunk(pi, actions, 0.01), "vf": trunk(vf, 1, 1.0)}
    timestep = jax.jit(jax.vmap(env.reset))(jax.random.split(levels, num_envs))
    run = jax.jit(iteration)
    state = (params, optimiser.init(params), timestep, key)

    def chunk() -> int:
        nonlocal state
        state = run(state)
        jax.block_until_ready(state)
        return frames

    return chunk


BATCHED: dict[str, Any] = {"num_envs": 1024, "n_steps": 64, "batch_size": 8192}
LARGE: dict[str, Any] = {**BATCHED, "batch_size": 32768}
WIDE = "N=1024 T=64, minibatches of 8192"
ROWS: list[tuple[str, str, str, str, Callable[[], Chunk], str]] = [
    (
        "distinct",
        "operant",
        f"ours, {WIDE}",
        "frames",
        functools.partial(ours, "ppo", **BATCHED),
        "",
    ),
    (
        "distinct_32768",
        "operant",
        "ours, minibatches of 32768",
        "frames",
        functools.partial(ours, "ppo", **LARGE),
        "fewer gradient steps",
    ),
    (
        "dense",
        "operant",
        "ours, deduplicate=False",
        "frames",
        functools.partial(ours, "ppo", **BATCHED, deduplicate=False),
        "",
    ),
    (
        "sb3",
        "operant",
        "SB3 over our adapter",
        "frames",
        functools.partial(ours, "sb3-ppo", **BATCHED),
        "",
    ),
    (
        "sb3_32768",
        "operant",
        "SB3 over our adapter, minibatches of 32768",
        "frames",
        functools.partial(ours, "sb3-ppo", **LARGE),
        "fewer gradient steps",
    ),
    (
        "sbx",
        "sbx-rl",
        "sbx over our adapter",
        "frames",
        functools.partial(sbx, **BATCHED),
        "",
    ),
    (
        "sbx_32768",
        "sbx-rl",
        "sbx over our adapter, minibatches of 32768",
        "frames",
        functools.partial(sbx, **LARGE),
        "fewer gradient steps",
    ),
    (
        "navix",
        "navix",
        "PPO and NAVIX in one XLA program",
        "frames",
        functools.partial(navix, **BATCHED),
        "easier: sees through walls",
    ),
    (
        "navix_32768",
        "navix",
        "the same, minibatches of 32768",
        "frames",
        functools.partial(navix, **LARGE),
        "easier: sees through walls; fewer gradient steps",
    ),
    (
        "stock",
        "minigrid",
        "SB3 on MiniGrid, 16 envs, minibatches of 256",
        "frames",
        functools.partial(stock, num_envs=16, n_steps=128, batch_size=256),
        "more gradient steps per frame",
    ),
]
"""Key, distribution, label, unit, builder, and in what the task differs; see ``PeerContender``."""


def _native(num_envs: int) -> Any:
    gymnasium, torch = _module("gymnasium"), _module("torch")
    _module("operant")  # registers its ids
    torch.set_num_threads(1)
    env = gymnasium.make_vec(
        ENV, num_envs=num_envs, autoreset_mode="SameStep", features=False, copy=False
    )
    return env


def _rollouts(learner: Any, frames: int) -> Chunk:
    def chunk() -> int:
        before = learner.num_timesteps
        learner.learn(frames, reset_num_timesteps=before == 0)
        done: int = learner.num_timesteps - before
        return done

    return chunk


def _module(name: str) -> Any:
    """Import a package which the interpreter that checks this file need not have."""
    return import_module(name)


if __name__ == "__main__":
    worker = runpy.run_path(str(Path(__file__).with_name("peer_worker.py")))
    worker["main"]([worker["PeerContender"](*row) for row in ROWS])
