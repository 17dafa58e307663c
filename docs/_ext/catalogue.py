"""Write the catalogue and API pages from the registries and modules, before Sphinx reads them.

Adding a row or a module adds its documentation. Nothing is skipped: a row that cannot be loaded, or
a design that cannot be built from its defaults, ends the build. Only a module whose extra is not
installed is replaced by a line that says so.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import operant
from operant import agents, benchmarks
from operant.envs import multiagent
from operant.errors import MissingExtraError
from operant.registry import Row
from operant.types import Card

API_PAGES = {
    "core": ("errors", "games", "lsd", "registry", "seeding", "tabular", "testing", "types"),
    "envs": ("envs",),
    "reward_design": ("reward_design",),
    "agents": ("agents",),
    "benchmarks": ("benchmarks",),
    "cli": ("cli",),
}


OUTSIDE = "---\norphan: true\n---\n"
"""Front matter of a page that other pages link to and the sidebar leaves out."""


def table(head: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table; pipes inside cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def show(value: Any) -> str:
    """Return a field for reading: yes and no, lists with commas, "none" for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    return "none" if value == "" else str(value)


def sentence(text: str) -> str:
    """Return a summary as a sentence."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def rows_of(package: str) -> list[Row]:
    """Return the rows of the package's registry, by id."""
    return list(importlib.import_module(f"operant.{package}").registry())


def link(row: Row) -> str:
    """Return a reference to what a row builds."""
    return "{py:obj}`" + row.entry_point.replace(":", ".") + "`"


def env_page(row: Row) -> str:
    """Return the page of one env: its card and its feature table."""
    card = operant.card(row.id)
    facts = [
        [field.name, show(getattr(card, field.name))]
        for field in dataclasses.fields(card)
        if field.name not in {"id", "description", "features", "expert"}
    ]
    features = [
        [
            f"`{f.name}`",
            f.description,
            f.dtype if f.shape == () else f"{f.dtype} {f.shape}",
            f"{f.low:g} to {f.high:g}",
            f.unit or "-",
            show(f.privileged),
        ]
        for f in card.features
    ]
    head = ["feature", "meaning", "type", "range", "unit", "privileged"]
    return (
        f"# {row.id}\n\n{card.description}\n\n"
        f"`gym.make({row.id!r})`, built by {link(row)} with {settings(row)}.\n\n"
        f"{table(['', ''], facts)}\n## Features\n\n"
        "A privileged feature is one that the agent's observation does not determine.\n\n"
        f"{table(head, features)}{options(row)}{expert(card)}"
    )


def expert(card: Card) -> str:
    """Return the section with the reward that a person wrote; empty where there is none."""
    if not card.expert:
        return ""
    words = "A dense reward that a person wrote; the design `expert` pays it."
    return f"\n## A person's reward\n\n{words}\n\n```python\n{card.expert.strip()}\n```\n"


def options(row: Row) -> str:
    """Return the section on what else the env can be built with; empty where it does not say."""
    family = getattr(importlib.import_module(module_of(row)), "FAMILY", None)
    if not getattr(family, "options", None):
        return ""
    lines = [
        [
            f"`{name}`",
            option.meaning,
            f"{option.low} to {option.high}",
            int(row.kwargs.get(name, option.default)),
        ]
        for name, option in family.options.items()
    ]
    head = ["option", "meaning", "range", "here"]
    return f"\n## Options\n\nKeyword arguments of `gym.make`.\n\n{table(head, lines)}"


def module_of(row: Row) -> str:
    """Return the module in which a row's object is defined."""
    return row.entry_point.partition(":")[0]


def env_pages() -> dict[str, str]:
    """Return the overview of envs, a page for every family of several, and one for every env."""
    folders: dict[str, dict[str, list[Row]]] = {}
    for row in rows_of("envs"):
        module = module_of(row)
        folders.setdefault(module.split(".")[2], {}).setdefault(module, []).append(row)
    pages, overview, shown = {}, "# Environments\n\n", []
    for folder, families in folders.items():
        lines = []
        for module, rows in sorted(families.items(), key=lambda family: title(family[0])):
            page, outside = rows[0].id, ""
            if len(rows) > 1:
                page, outside = f"{folder}-{module.rpartition('.')[2]}", OUTSIDE
                pages[f"envs/{page}.md"] = family_page(module, rows)
            pages |= {f"envs/{row.id}.md": outside + env_page(row) for row in rows}
            ids = f"`{rows[0].id}`" + (f" and {len(rows) - 1} more" if len(rows) > 1 else "")
            lines.append([f"[{title(module)}](envs/{page}.md)", story(module), ids])
            shown.append(f"envs/{page}")
        about = importlib.import_module(f"operant.envs.{folder}").__doc__ or ""
        heading = f"## {folder}\n\n{about.splitlines()[0]}\n\n"
        overview += heading + table(["family", "story", "ids"], lines) + "\n"
    sidebar = "```{toctree}\n:hidden:\n\n" + "\n".join(shown) + "\n```\n"
    return pages | {"envs.md": overview + sidebar}


def family_page(module: str, rows: list[Row]) -> str:
    """Return the page of a family: its ids and in what they differ."""
    lines = [[f"[{row.id}]({row.id}.md)", settings(row), row.summary] for row in rows]
    return (
        f"# {title(module)}\n\n{sentence(story(module))} See {{py:mod}}`{module}`.\n\n"
        f"{table(['id', 'made with', 'summary'], lines)}"
    )


def title(module: str) -> str:
    """Return the name of a family: what stands before the colon in its module's docstring."""
    return (importlib.import_module(module).__doc__ or "").partition(":")[0]


def story(module: str) -> str:
    """Return what stands after that colon, in the same line."""
    line = (importlib.import_module(module).__doc__ or "").splitlines()[0]
    return line.partition(":")[2].strip().rstrip(".")


def settings(row: Row) -> str:
    """Return the row's default arguments as code."""
    arguments = ", ".join(f"{key}={value!r}" for key, value in row.kwargs.items())
    return f"`{arguments}`" if arguments else "no arguments"


def section(row: Row, facts: list[list[Any]]) -> str:
    """Return the section of one row: summary, facts, signature and docstring of its object."""
    package = ".".join(row.entry_point.split(".")[:2])
    built = importlib.import_module(package).registry().load(row.id)
    kind, options = ("class", "   :no-members:\n") if inspect.isclass(built) else ("function", "")
    shown = [["defaults", settings(row)], ["tags", show(row.tags)], ["extra", show(row.extra)]]
    return (
        f"## {row.id}\n\n{sentence(row.summary)}\n\n"
        f"{table(['', ''], [*shown, *facts])}\n"
        f"```{{eval-rst}}\n.. auto{kind}:: {row.entry_point.replace(':', '.')}\n"
        f"   :no-index:\n{options}```\n\n"
    )


def game_section(row: Any) -> str:
    """Return the section of one game: how it is played, and what states its rules."""
    rules = row.rules_entry_point.replace(":", ".")
    facts = [
        ["interface", "PettingZoo's " + {"aec": "AEC", "parallel": "parallel"}[row.interface]],
        ["players", row.players or "an argument"],
        ["batched form", show(bool(row.batch_entry_point))],
        ["defaults", settings(row)],
        ["tags", show(row.tags)],
        ["rules", f"{{py:obj}}`{rules}`" if rules else link(row)],
    ]
    return f"## {row.id}\n\n{sentence(row.summary)}\n\n{table(['', ''], facts)}\n"


def design_section(row: Row) -> str:
    """Return the section of one design: what it promises and what it reads."""
    design = operant.make_design(row.id)
    facts = [[key, show(value)] for key, value in dataclasses.asdict(design.spec).items()]
    return section(row, [*facts, ["features read", show(design.required_features())]])


def agent_section(row: Row) -> str:
    """Return the section of one agent: whether it learns or plans, and its object."""
    return section(row, [["kind", agents.agent_row(row.id).kind]])


def suite_section(row: Row) -> str:
    """Return the section of one suite: what is run, and how it is scored."""
    suite = benchmarks.suite(row.id)

    def called(name: str, arguments: Mapping[str, Any]) -> str:
        return f"{name} {dict(arguments)}" if arguments else name

    designs = tuple(called(design.label or design.id, design.kwargs) for design in suite.designs)
    entries = {
        called(agent.id, agent.config): None
        for env_id in suite.env_ids
        for agent in suite.entries(env_id)
    }
    facts = [
        ["environments", show(suite.env_ids)],
        ["designs", show(designs)],
        ["agents", show(tuple(entries))],
        ["seeds", show(suite.seeds)],
        ["budget", f"{suite.total_steps:,} env steps in {suite.num_envs} rows"],
        ["gamma", suite.gamma],
        ["evaluation", f"{suite.evaluation.points} x {suite.evaluation.episodes} episodes"],
        ["runs", len(suite.runs())],
    ]
    return f"## {row.id}\n\n{sentence(row.summary)}\n\n{table(['', ''], facts)}\n"


def catalogue_pages() -> dict[str, str]:
    """Return the pages of the five registries by path."""
    pages = env_pages()
    played = "".join(game_section(row) for row in multiagent.games())
    pages["games.md"] = (
        "# Games\n\nWorlds of several agents. `multiagent.make(id)` builds a PettingZoo env, "
        "`multiagent.make_batch(id, N)` N of them in arrays; see "
        f"{{py:mod}}`operant.envs.multiagent`.\n\n{played}"
    )
    pages["designs.md"] = "# Reward designs\n\n" + (
        "The facts of a design are those of {py:class}`~operant.reward_design.base.DesignSpec`.\n\n"
    )
    pages["designs.md"] += "".join(design_section(row) for row in rows_of("reward_design"))
    learners_and_planners = "".join(agent_section(row) for row in rows_of("agents"))
    pages["agents.md"] = f"# Agents\n\n{learners_and_planners}"
    suites = "".join(suite_section(row) for row in rows_of("benchmarks"))
    pages["suites.md"] = f"# Suites\n\n{suites}"
    return pages


def public_modules(name: str) -> dict[str, str]:
    """Return a module and all public modules below it: import name -> its section."""
    try:
        module = importlib.import_module(name)
    except MissingExtraError as error:
        return {name: f"## {name}\n\nThis documentation was built without it: {error}.\n\n"}
    found = {name: f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n\n"}
    for info in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if not info.name.startswith("_"):
            found |= public_modules(f"{name}.{info.name}")
    return found


def api_pages() -> dict[str, str]:
    """Return one page per layer with all its public modules."""
    pages = {}
    for layer, roots in API_PAGES.items():
        sections = {}
        if layer == "core":
            sections["operant"] = "## operant\n\n```{eval-rst}\n.. automodule:: operant\n```\n\n"
        for root in roots:
            sections |= public_modules(f"operant.{root}")
        pages[f"api/{layer}.md"] = f"# {layer}\n\n{''.join(sections.values())}"
    return pages


def write(app: Any) -> None:
    """Write all pages below ``docs/generated``, and remove those of rows that are gone."""
    folder = Path(app.srcdir) / "generated"
    with warnings.catch_warnings():  # Gymnasium's, at every id that has a newer version
        warnings.simplefilter("ignore", DeprecationWarning)
        pages = catalogue_pages() | api_pages()
    for old in folder.rglob("*.md"):
        if old.relative_to(folder).as_posix() not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:  # unchanged pages are not built again
            path.write_text(text)


def skip_tuple_fields(
    _app: Any, _what: str, _name: str, thing: Any, _skip: bool, _options: Any
) -> bool | None:
    """Leave out Python's own "Alias for field number 0"; the class describes its fields."""
    return True if str(thing.__doc__).startswith("Alias for field number") else None


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    app.connect("autodoc-skip-member", skip_tuple_fields)
    return {"parallel_read_safe": True}
