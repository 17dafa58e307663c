"""The tree: it grows below what did well, and its reports are all that it needs to grow again."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from operant.reward_design.llm.providers.mutate.compiles import compiles
from operant.reward_design.llm.providers.mutate.tree_search import TreeSearch, key_of
from operant.reward_design.llm.providers.protocol import Message, Request
from operant.reward_design.llm.search.brief import CandidateReport
from operant.reward_design.llm.verify.reply import read_reply


def ask(tree, brief, n=8) -> list[str]:
    messages = (Message(role="user", content=f"round {brief.round}"),)
    completions = tree.complete(Request(messages=messages, n=n, brief=brief))
    return [read_reply(completion.text, "stop", "reward")[0] for completion in completions]


def score(source: str) -> float:
    """Return how many terms read the key: something that edits can climb."""
    return min(1.0, source.count("steps_to_key") / 10)


def grown(make_brief, rounds=4, seed=0) -> tuple[TreeSearch, list[CandidateReport]]:
    """Return a tree after a search, and all its reports."""
    tree, reports = TreeSearch(seed=seed), []
    for number in range(rounds):
        brief = make_brief(round=number, reports=tuple(reports))
        for source in ask(tree, brief):
            assert compiles(source, brief)
            name = f"p{len(reports)}"
            reports.append(CandidateReport(name=name, source=source, fitness=score(source)))
    tree.learn(reports)
    return tree, reports


@pytest.mark.integration
def test_it_climbs(make_brief) -> None:
    """The best path is one of edits, each of whose programs says which one it was made from."""
    gains, paths = [], []
    for seed in range(3):
        tree, reports = grown(make_brief, seed=seed)
        scores = [report.fitness for report in reports]
        gains.append(max(scores) - max(scores[:8]))
        paths.append(tree.best_path())
        assert score(paths[-1][-1]) == max(scores)
    assert sum(gains) > 0.2
    assert max(map(len, paths)) > 1
    for path in paths:
        for parent, child in itertools.pairwise(path):
            assert f"# child of {key_of(parent)}" in child


def test_reports_alone_rebuild_it_in_any_order(make_brief) -> None:
    tree, reports = grown(make_brief, rounds=3)
    again = TreeSearch(seed=0)
    again.learn(reversed(reports))
    assert again.best_path() == tree.best_path()
    brief = make_brief(round=9)
    assert ask(again, brief) == ask(tree, brief)


def test_fresh_programs_come_first_and_never_stop(make_brief) -> None:
    _, reports = grown(make_brief)
    fresh = ["child of" not in report.source for report in reports]
    assert all(fresh[:8])
    assert 0 < sum(fresh[8:]) < 30


def test_only_what_was_reported_on_has_children(make_brief) -> None:
    tree = TreeSearch(seed=0)
    sources = ask(tree, make_brief(), n=12)
    one = CandidateReport(name="a", source=sources[3], fitness=0.8)
    children = [s for s in ask(tree, make_brief(round=1, reports=(one,)), n=12) if "child" in s]
    assert children
    assert all(f"child of {key_of(sources[3])}" in child for child in children)


def test_a_circle_of_parents_is_cut(make_brief) -> None:
    tree = TreeSearch(seed=0)
    first, second = ask(tree, make_brief(), n=2)

    def below(source: str, parent: str) -> CandidateReport:
        lines = source.splitlines()
        text = "\n".join([lines[0], f"    # child of {key_of(parent)}", *lines[1:]])
        return CandidateReport(name="a", source=text, fitness=0.5)

    reports = (below(first, second), below(second, first), below(first, first))
    tree.learn(reports)
    assert tree.best_path()
    assert len(ask(tree, make_brief(reports=reports))) == 8


def test_foreign_and_hidden_reports(make_brief) -> None:
    """Where fitness is hidden, the preferred program counts; foreign programs join the tree."""
    signature = "def reward(obs, action, next_obs, info):\n"
    foreign = f"{signature}    if action:\n        return 0.5\n    return 1.5\n"
    best = CandidateReport(name="a", source=foreign, preferred="best")
    tree = TreeSearch(seed=0)
    sources = ask(tree, make_brief(reports=(best, dataclasses.replace(best, source=""))))
    assert tree.best_path() == [foreign]
    assert any("if action" in source for source in sources)


@pytest.mark.parametrize("exploration", [-1.0, float("inf"), float("nan")])
def test_bad_exploration_is_named(exploration: float) -> None:
    with pytest.raises(ValueError, match="exploration must be"):
        TreeSearch(seed=0, exploration=exploration)
