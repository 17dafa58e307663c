"""``operant train ENV``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


def train(
    env: Annotated[Positional[str], arg(metavar="ENV")],
    design: str = "none",
    agent: str = "sb3-ppo",
    seeds: tuple[int, ...] = (0,),
    steps: int = 200_000,
    num_envs: int = 128,
    gamma: float = 0.99,
    env_args: str = "{}",
    design_args: str = "{}",
    agent_args: str = "{}",
    episodes: int = 64,
    points: int = 10,
    results: Path = Path("results/train"),
    workers: int | None = None,
) -> int:
    """Train an agent on a designed reward and score it on the true one.

    Args:
        env: Gymnasium id; ``module:Id`` imports a module of yours first.
        design: Reward design, see ``operant designs``.
        agent: Agent, see ``operant agents``.
        seeds: Seeds; each is a run.
        steps: Budget of a run in env steps.
        num_envs: Rows of the training env.
        gamma: Discount of agent and design.
        env_args: Arguments of the env as a JSON object.
        design_args: Arguments of the design as a JSON object.
        agent_args: Fields of the agent's config as a JSON object.
        episodes: Evaluation episodes per evaluation.
        points: Evaluations over the budget.
        results: Folder for runs and leaderboard; interrupted runs in it are continued.
        workers: Number of processes; by default one per core.
    """
    import gymnasium as gym

    from operant import agents, reward_design
    from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite
    from operant.cli.bench import run_and_report
    from operant.cli.output import console, json_object
    from operant.errors import UnknownIdError

    try:
        gym.spec(env)
    except gym.error.Error:
        raise UnknownIdError("environment", env, gym.registry) from None
    # Build them once here, so that a wrong argument is told before any process starts.
    design_kwargs = json_object("--design-args", design_args)
    reward_design.make_design(design, **design_kwargs)
    suite = Suite(
        id="train",
        title=f"{agent} with {design} on {env}",
        env_ids=(env,),
        designs=(Design(id=design, kwargs=design_kwargs),),
        agents=(AgentEntry(id=agent, config=json_object("--agent-args", agent_args)),),
        seeds=seeds,
        total_steps=steps,
        num_envs=num_envs,
        gamma=gamma,
        env_kwargs=json_object("--env-args", env_args),
        evaluation=Evaluation(points=points, episodes=episodes),
    )
    agents.registry()[agent]
    code = run_and_report(suite, results, workers)
    if code == 0:
        console.print(f"Watch it: operant enjoy {results / suite.runs()[0].folder}", soft_wrap=True)
    return code
