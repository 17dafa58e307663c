"""``operant reward audit`` and ``operant reward compare``: what a design does, without training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

if TYPE_CHECKING:
    from operant.benchmarks.audit import LevelAudit
    from operant.reward_design import RewardDesign


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """What to audit.

    Attributes:
        design: Reward design, see ``operant designs``; ``invariant(count)`` for one around another,
            ``module:Class`` for a class of yours, ``proxy`` for the proxy reward of the env.
        env: Gymnasium id of a gridworld.
        gamma: Discount of the agent.
        seeds: Seeds of the levels.
        env_args: Arguments of the env as a JSON object.
        design_args: Arguments of the design as a JSON object.
        gif: Where to draw the first counterexample, if there is one.
        json: Print the verdicts as JSON.
    """

    design: Annotated[Positional[str], arg(metavar="DESIGN")]
    env: str
    gamma: float = 0.99
    seeds: tuple[int, ...] = (0,)
    env_args: str = "{}"
    design_args: str = "{}"
    gif: Path | None = None
    json: bool = False


def audit(options: Annotated[AuditOptions, OmitArgPrefixes]) -> int:
    """Tell whether a design keeps the optimal policy, or show the policy that it misleads to."""
    from operant.benchmarks.audit import PROXY, animate, audit_levels
    from operant.benchmarks.files import write_atomic
    from operant.cli import OK
    from operant.cli.named import make_design, make_env
    from operant.cli.output import check_output, console, json_object, shown

    if not options.seeds:
        raise ValueError("--seeds must name at least one level, such as --seeds 0 1 2")
    if options.gif is not None:
        check_output("--gif", options.gif, (".gif",))
    env_kwargs = json_object("--env-args", options.env_args)
    design_kwargs = json_object("--design-args", options.design_args)
    make_env(options.env, env_kwargs).close()  # tells what is wrong with it, near ids included
    design: RewardDesign | str = PROXY
    if options.design != PROXY:
        design = make_design(options.design, design_kwargs)
    elif design_kwargs:
        raise ValueError(f"--design-args: {PROXY} takes no arguments, got {design_kwargs}")
    made = audit_levels(
        options.env, design, gamma=options.gamma, seeds=options.seeds, env_kwargs=env_kwargs
    )
    misled = next((level for level in made if level.found.counterexample is not None), None)
    drawn = ""
    if options.gif is not None and misled is not None and misled.found.counterexample is not None:
        counterexample = misled.found.counterexample
        picture = animate(
            options.env,
            counterexample,
            seed=misled.seed,
            env_kwargs=env_kwargs,
            title=misled.found.hack_title,
        )
        write_atomic(options.gif, picture)
        drawn = shown(options.gif)
    if options.json:
        print(json.dumps(_as_json(options, made, drawn), indent=2))
    else:
        _print(made, drawn)
        if options.gif is not None and misled is None:
            console.print("There is no counterexample to draw.")
    return OK


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What to compare.

    Attributes:
        designs: Reward designs, see ``operant designs``; ``module:Class`` for a class of yours. The
            true reward is always compared, and the proxy reward where the env has one.
        env: Gymnasium id.
        gamma: Discount of the agent.
        seed: Seed of the level.
        metric: ``starc`` or ``starc_minimal``.
        samples: Estimate from so many random transitions instead of all states; 0 is exact.
        env_args: Arguments of the env as a JSON object.
        draw: Where to draw the matrix: a .png, .svg or .html file.
        json: Print the distances as JSON.
    """

    designs: Annotated[Positional[tuple[str, ...]], arg(metavar="DESIGN")]
    env: str
    gamma: float = 0.99
    seed: int = 0
    metric: str = "starc"
    samples: int = 0
    env_args: str = "{}"
    draw: Path | None = None
    json: bool = False


def compare(options: Annotated[CompareOptions, OmitArgPrefixes]) -> int:
    """Print how far rewards are apart: 0 the same policies in the same order, 2 the opposite."""
    from rich.markup import escape

    from operant.benchmarks.compare import PROXY
    from operant.benchmarks.compare import compare as compared
    from operant.cli import OK
    from operant.cli.named import make_design, make_env
    from operant.cli.output import check_output, console, json_object, shown

    if options.draw is not None:
        check_output("--draw", options.draw, (".png", ".svg", ".html"))
    env_kwargs = json_object("--env-args", options.env_args)
    make_env(options.env, env_kwargs).close()  # tells what is wrong with it, near ids included
    made = compared(
        options.env,
        [text if text == PROXY else make_design(text, {}) for text in options.designs],
        gamma=options.gamma,
        seed=options.seed,
        metric=options.metric,
        env_kwargs=env_kwargs,
        samples=options.samples,
    )
    drawn = "" if options.draw is None else shown(made.draw(options.draw))
    if options.json:
        print(json.dumps({**made.to_json(), "drawn": drawn or None}, indent=2))
        return OK
    console.print(f"{escape(made.title)} ({escape(made.basis)})", soft_wrap=True)
    console.print(made.table())
    if drawn:
        console.print(f"Drawn in {drawn}", soft_wrap=True)
    return OK


def _as_json(options: AuditOptions, made: list[LevelAudit], drawn: str) -> dict[str, object]:
    """Return the verdict over all levels, the first counterexample, and every level's verdict."""
    verdicts = [level.found.preserves_optimal_policy for level in made]
    misled = next((level for level in made if level.found.counterexample is not None), None)
    levels = [{"seed": level.seed, **level.found.to_json()} for level in made]
    return {
        "design": options.design,
        "env": options.env,
        "gamma": options.gamma,
        "preserves_optimal_policy": _overall(verdicts),
        "counterexample": (
            next(level["counterexample"] for level in levels if level["seed"] == misled.seed)
            if misled is not None
            else None
        ),
        "gif": drawn or None,
        "levels": levels,
    }


def _overall(verdicts: list[bool | None]) -> bool | None:
    """Return False if a level refutes it, else None if one is undecided, else True."""
    return False if False in verdicts else None if None in verdicts else True


_WORDS = {
    True: "[green]preserves[/] the optimal policy",
    False: "[red]does not preserve[/] the optimal policy",
    None: "[yellow]undecided[/]",
}


def _print(made: list[LevelAudit], drawn: str) -> None:
    from rich.markup import escape

    from operant.cli.output import console

    for level in made:
        found = level.found
        name = f"{escape(found.design)} on {level.env_id}, level {level.seed}, gamma {found.gamma}"
        console.print(f"{name}: {_WORDS[found.preserves_optimal_policy]}", soft_wrap=True)
        console.print(f"  {escape(found.reason)} ({found.method}).", soft_wrap=True)
        for warning in found.warnings:
            console.print(f"  [yellow]warning[/] {escape(warning)}", soft_wrap=True)
        case = found.counterexample
        if case is None:
            continue
        for words, episode in ((found.hack_title, case.hack), ("truly best", case.honest)):
            ending = "success" if episode.success else "no success"
            console.print(
                f"  {words:<20} {len(episode.actions):>4} steps, {ending}, discounted return: "
                f"true {episode.true_return:.4g}, designed {episode.designed_return:.4g}",
                soft_wrap=True,
            )
    if drawn:
        console.print(f"Watch them: {drawn}", soft_wrap=True)
