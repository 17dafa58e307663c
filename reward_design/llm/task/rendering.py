"""How a view of a world is told in a prompt: several styles, one small function each.

Source: the class skeleton follows Text2Reward: Reward Shaping with Language Models for
Reinforcement Learning (Xie et al., 2024), the index list Latent Reward: LLM-Empowered Credit
Assignment in Episodic Reinforcement Learning (Qu et al., 2025).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from operant.reward_design.llm.language.checking import MAX_LOOPS, MAX_TURNS
from operant.reward_design.llm.language.errors import MAX_CHARACTERS
from operant.reward_design.llm.language.expressions import MAX_LITERAL_EXPONENT, MAX_NUMBER
from operant.reward_design.llm.language.parsing import (
    ALLOWED,
    MAX_DEPTH,
    MAX_NODES,
)
from operant.reward_design.llm.language.vocabulary import (
    FUNCTIONS,
    MAX_ARGUMENTS,
    MAX_MEMORY,
    MEMORY,
    OUTPUTS,
    PARAMETERS,
)
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.forms import FORMS
from operant.reward_design.llm.task.spec import Element, ObsView, TaskSpec
from operant.types import Feature


def task_text(task: TaskSpec) -> str:
    """Return the task in a few lines."""
    lines = [f"World: {task.env_id}", f"Task: {task.goal}"]
    if task.success:
        lines.append(f"Success: {task.success}.")
    if task.termination:
        lines.append(f"An episode ends when: {task.termination}.")
    if task.max_steps is not None:
        lines.append(f"Time limit: {task.max_steps} steps.")
    return "\n".join(lines)


def class_skeleton(view: ObsView) -> str:
    """Return the view as a typed Python class whose comments say what each field is."""
    lines = ["class Step:", f'    """One step of {view.env_id}."""', ""]
    lines.append(f"    action: {_vector(view.action_size)}  # {_actions(view)}")
    lines += _commented("action", view.action_elements)
    if view.obs_size:
        size = _vector(view.obs_size)
        lines.append(f"    obs: {size}  # before the action; next_obs is the same after it")
        lines += _commented("obs", view.elements)
    if view.features:
        lines += ["", '    # Read as info["name"], and info["prev_name"] before the action.']
    lines += [f"    {f.name}: {f.dtype}  # {_about(f)}" for f in view.features]
    return "\n".join(lines)


def index_list(view: ObsView) -> str:
    """Return the numbers of observation and action as a list by index, features by name."""
    lines = []
    if view.obs_size:
        lines.append(f"The observation obs (next_obs after the step) has {view.obs_size} numbers:")
        lines += _indexed("obs", view.elements)
    if view.action_size:
        lines.append(f"The action has {view.action_size} numbers:")
        lines += _indexed("action", view.action_elements)
    else:
        lines.append(f"The action is one number. {_actions(view)}")
    if view.features:
        lines.append("Further numbers, by name:")
        lines += [f'- info["{f.name}"]: {_about(f)}' for f in view.features]
    return "\n".join(lines)


def vocabulary(view: ObsView, form: Form = "reward") -> str:
    """Return the feature table: name, type, range, unit, meaning, and how it is read.

    Args:
        view: The view.
        form: What kind of program is wanted: a potential sees one state, so it has no ``prev_``.
    """
    lines = [f"Action: {_actions(view)}"] if "action" in PARAMETERS[form] else []
    if view.obs_size:
        of_next = " and next_obs" if "next_obs" in PARAMETERS[form] else ""
        lines.append(f"Observation, obs{of_next}: {view.observation}")
        lines += _indexed("obs", view.elements)
    elif not view.features:
        lines.append("This world has no numbers that a program could read but the action.")
    if not view.features:
        return "\n".join(lines)
    before = "prev_" in _reads(form)
    lines.append('Features, read as info["name"]' + (" after the step" if before else "") + ":")
    lines += ["| name | type | range | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {f.name} | {f.dtype} | {_range(f.low, f.high)} | {f.unit or '-'} | {f.description} |"
        for f in view.features
    ]
    if before:
        first = view.features[0].name
        lines.append(f'Each also as it was before the step: info["prev_{first}"] and so on.')
    return "\n".join(lines)


def language_rules(form: Form) -> str:
    """Return what a program may contain, made from the tables that the check itself uses."""
    parameters = PARAMETERS[form]
    calls = ", ".join(FUNCTIONS)
    lines = [
        "Write one function that begins with",
        f"    {FORMS[form].signature}",
        f"and returns {FORMS[form].returns}.",
        "It is a small part of Python, and anything else is refused:",
        f"- statements: {', '.join(_words(_STATEMENTS))}; a docstring and comments",
        f"- operators: {' '.join(_words(_OPERATORS))}; a if c else b",
        f"- functions: {calls} (min and max of 2 to {MAX_ARGUMENTS} numbers); math needs no import",
        f"- reads: {', '.join(_reads(form).splitlines())}",
        f"- loops have literal bounds, at most {MAX_TURNS} turns (loops inside each other "
        f"multiplied) and {MAX_LOOPS} inside each other",
        f"- numbers up to {MAX_NUMBER:g}; between literals ** up to {MAX_LITERAL_EXPONENT}",
        f"- plain ASCII, at most {MAX_CHARACTERS} characters, {MAX_NODES} statements and "
        f"expressions, nesting of {MAX_DEPTH}",
        "- every path returns, and every name is assigned before it is read",
        "- what has no finite value is an error: guard divisors, roots and logarithms",
    ]
    if form in OUTPUTS:
        fewest, most = OUTPUTS[form]
        count = f"{fewest} to {most}" if fewest < most else f"{most}"
        lines.append(f"- return a list of {count} numbers, as long at every return")
    else:
        lines.append("- return a number: write 1.0 if condition else 0.0 for a condition")
    if form == "reward":
        lines.append("- give each term a name and return their sum: return near + bonus")
    if form != "potential":
        lines.append(
            f"- to remember something in an episode, add a last parameter {MEMORY}, with "
            f"{MEMORY}[0] to {MEMORY}[{MAX_MEMORY - 1}] (zeros at its start), as in "
            f"def {form}({', '.join((*parameters, MEMORY))}):"
        )
    lines.append("No other attributes, text, lists, imports, while, classes or second function.")
    return "\n".join(lines)


_STATEMENTS: Mapping[type[ast.AST], str] = {
    ast.Assign: "name = value",
    ast.AugAssign: "name += value",
    ast.If: "if/elif/else",
    ast.For: "for name in range(...)",
    ast.Return: "return",
}
_OPERATORS: Mapping[type[ast.AST], str] = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"},
    **{ast.Pow: "**", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="},
    **{ast.NotEq: "!=", ast.And: "and", ast.Or: "or", ast.Not: "not"},
}


def _words(known: Mapping[type[ast.AST], str]) -> list[str]:
    """Return the words for those parts of Python that the language has."""
    return [word for node, word in known.items() if node in ALLOWED]


def _reads(form: Form) -> str:
    """Return what a program of some form reads, one expression per line."""
    names = PARAMETERS[form]
    reads = [f"{name}[i]" for name in names if name in ("obs", "next_obs")]
    reads += ["action (action[i] if it is a vector)"] if "action" in names else []
    reads += ['info["name"]'] + (['info["prev_name"]'] if "next_obs" in names else [])
    return "\n".join(reads)


def _actions(view: ObsView) -> str:
    if not view.actions:
        return view.action
    return "; ".join(f"{number} {name}" for number, name in enumerate(view.actions))


def _about(feature: Feature) -> str:
    unit = f" {feature.unit}" if feature.unit else ""
    return f"{feature.description}, {_range(feature.low, feature.high)}{unit}"


def _commented(name: str, elements: tuple[Element, ...]) -> list[str]:
    return [f"    # {line.removeprefix('- ')}" for line in _indexed(name, elements)]


def _indexed(name: str, elements: tuple[Element, ...]) -> list[str]:
    return [
        f"- {name}[{number}]: {element.description + ', ' if element.description else ''}"
        f"{_range(element.low, element.high)}"
        for number, element in enumerate(elements)
    ]


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "unbounded"
    return f"{low:.6g} to {high:.6g}"


def _vector(size: int) -> str:
    return f"Vector[{size}]" if size else "float"
