"""``operant train ENV``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

if TYPE_CHECKING:
    from operant.benchmarks.specs import Suite


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to train, and how.

    Attributes:
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
        episodes: Episodes per evaluation.
        points: Evaluations over the budget.
        results: Folder for runs and leaderboard; interrupted runs in it are continued.
        workers: Number of processes; by default one per core.
    """

    env: Annotated[Positional[str], arg(metavar="ENV")]
    design: str = "none"
    agent: str = "sb3-ppo"
    seeds: tuple[int, ...] = (0,)
    steps: int = 200_000
    num_envs: int = 128
    gamma: float = 0.99
    env_args: str = "{}"
    design_args: str = "{}"
    agent_args: str = "{}"
    episodes: int = 64
    points: int = 10
    results: Path = Path("results/train")
    workers: int | None = None


def train(options: Annotated[Options, OmitArgPrefixes]) -> int:
    """Train an agent on a designed reward and score it on the true one."""
    from operant.cli.bench import run_and_report
    from operant.cli.output import console

    suite = as_suite(options)
    code = run_and_report(suite, options.results, options.workers)
    if code == 0:
        folder = options.results / suite.runs()[0].folder
        console.print(f"Watch it: operant enjoy {folder}", soft_wrap=True)
    return code


def as_suite(options: Options) -> Suite:
    """Turn options into a suite of one design; tells wrong ids before any process starts."""
    import gymnasium as gym

    from operant import agents, reward_design
    from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite
    from operant.cli.output import json_object
    from operant.errors import UnknownIdError

    try:
        gym.spec(options.env)
    except gym.error.Error:
        raise UnknownIdError("environment", options.env, gym.registry) from None
    design_kwargs = json_object("--design-args", options.design_args)
    reward_design.make_design(options.design, **design_kwargs)
    agents.registry()[options.agent]
    return Suite(
        id="train",
        title=f"{options.agent} with {options.design} on {options.env}",
        env_ids=(options.env,),
        designs=(Design(id=options.design, kwargs=design_kwargs),),
        agents=(
            AgentEntry(id=options.agent, config=json_object("--agent-args", options.agent_args)),
        ),
        seeds=options.seeds,
        total_steps=options.steps,
        num_envs=options.num_envs,
        gamma=options.gamma,
        env_kwargs=json_object("--env-args", options.env_args),
        evaluation=Evaluation(points=options.points, episodes=options.episodes),
    )
