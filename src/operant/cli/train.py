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
        design: Reward design, see ``operant designs``; ``invariant(count)`` for one around another,
            ``module:Class`` for a class of yours.
        agent: Agent, see ``operant agents``.
        seeds: Seeds; each is a run.
        steps: Budget of a run in env steps.
        num_envs: Rows of the training env.
        gamma: Discount of agent and design.
        env_args: Arguments of the env as a JSON object.
        design_args: Arguments of the design as a JSON object.
        show_memory: Let the agent see what the design remembers of the episode, such as the state
            of a reward machine.
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
    show_memory: bool = False
    agent_args: str = "{}"
    episodes: int = 64
    points: int = 10
    results: Path = Path("results/train")
    workers: int | None = None


def train(options: Annotated[Options, OmitArgPrefixes]) -> int:
    """Train an agent on a designed reward and score it on the true one."""
    from operant.cli.bench import run_and_report
    from operant.cli.output import console, program

    suite = as_suite(options)
    code = run_and_report(suite, options.results, options.workers)
    if code == 0:
        folder = options.results / suite.runs()[0].folder
        console.print(f"Watch it: {program()} enjoy {folder}", soft_wrap=True)
    return code


def as_suite(options: Options) -> Suite:
    """Turn options into a suite of one design.

    Agent, env and design are built once, so that what is wrong with them is told before a process
    starts or a folder is made.

    Raises:
        OperantError: If an id is unknown, or agent or design cannot work on the env.
        ValueError: If a number or an argument is out of range.
    """
    from rich.markup import escape

    from operant import agents, reward_design
    from operant.benchmarks.evaluate import run_env
    from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite
    from operant.cli.named import make_design, make_env
    from operant.cli.output import console, json_object
    from operant.errors import OperantError

    if agents.agent_row(options.agent).kind == "game":
        raise OperantError(
            f"agent {options.agent!r} sits on all seats of a game and does not train in an env; "
            "run a suite with it, such as `operant bench run games-zero-sum`"
        )
    design_kwargs = json_object("--design-args", options.design_args)
    config = json_object("--agent-args", options.agent_args)
    env_kwargs = json_object("--env-args", options.env_args)
    suite = Suite(
        id="train",
        title=f"{options.agent} with {options.design} on {options.env}",
        env_ids=(options.env,),
        designs=(Design(id=options.design, kwargs=design_kwargs, show_memory=options.show_memory),),
        agents=(AgentEntry(id=options.agent, config=config),),
        seeds=options.seeds,
        total_steps=options.steps,
        num_envs=options.num_envs,
        gamma=options.gamma,
        env_kwargs=env_kwargs,
        evaluation=Evaluation(points=options.points, episodes=options.episodes),
    )
    design = make_design(options.design, design_kwargs)
    suite.runs()  # checks the numbers
    env = make_env(options.env, env_kwargs)
    try:
        shaped = reward_design.shape(env, design, gamma=options.gamma)
        shaped.reset(seed=0)
        shaped.step(shaped.action_space.sample())  # a design may find what is wrong only here
    finally:
        env.close()
    if options.show_memory:
        run_env(suite.runs()[0]).close()
    elif design.memory() is not None:
        console.print(
            f"[yellow]note[/] {escape(options.design)} remembers what the agent does not see; "
            "--show-memory shows it",
            soft_wrap=True,
        )
    agents.make_config(options.agent, **config)  # last: this imports its learning library
    return suite
