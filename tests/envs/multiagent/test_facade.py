from __future__ import annotations

import subprocess
import sys

import pytest

from operant.envs import multiagent
from operant.errors import MissingExtraError, UnknownIdError, WrongVersionError


def test_unknown_games_suggest_near_ones() -> None:
    for call in (multiagent.make, multiagent.rules_of, lambda g: multiagent.make_batch(g, 1)):
        with pytest.raises(UnknownIdError, match="unknown game 'KuhnPocker-v0'; did you mean Kuhn"):
            call("KuhnPocker-v0")


def test_listing_and_batches_load_no_pettingzoo() -> None:
    code = (
        "import sys, operant; from operant.envs import multiagent as m; m.games().ids();"
        "loaded = {'pettingzoo', 'scipy', 'numba', 'torch'} & set(sys.modules); assert not loaded;"
        "m.make_batch('TicTacToe-v0', 2).reset([0, 1]); m.tree('KuhnPoker-v0');"
        "assert 'pettingzoo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_pettingzoo_gives_one_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    for call in (lambda: multiagent.make("KuhnPoker-v0"), multiagent.register):
        with pytest.raises(MissingExtraError, match=r"pip install 'operant\[multiagent\]'"):
            call()
    multiagent.make_batch("KuhnPoker-v0", 1).reset([0])


def test_games_are_in_pettingzoos_registry() -> None:
    pettingzoo = pytest.importorskip("pettingzoo", minversion="1.27")
    names = multiagent.register()
    assert multiagent.register() == names
    assert "operant/KuhnPoker-v0" in names
    env = pettingzoo.make("aec", "operant/KuhnPokerMatch-v0", rounds=2)
    assert env.rules.rounds == 2
    both = pettingzoo.make("parallel", "operant/RockPaperScissors-v0")
    assert both.possible_agents == ["player_0", "player_1"]


def test_an_old_pettingzoo_has_no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pettingzoo")
    import importlib.metadata

    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.26.1")
    with pytest.raises(WrongVersionError, match=r"pettingzoo 1\.26\.1 .*>=1.27"):
        multiagent.register()


def test_worlds_that_are_no_rules_say_so() -> None:
    others = [row.id for row in multiagent.games() if not row.rules_entry_point]
    for game in others[:1]:
        with pytest.raises(ValueError, match=r"is not a game of turns; those are .*KuhnPoker-v0"):
            multiagent.tree(game)
