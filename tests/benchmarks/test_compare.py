"""Designs compared on real levels, exactly and from samples, and drawn."""

from __future__ import annotations

import io
import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from operant.benchmarks.compare import Comparison, compare
from operant.envs.literature import room_nav
from operant.errors import GammaMismatchError, MissingExtraError, OperantError, UnknownIdError
from operant.reward_design import RewardDesign, make_design, shape
from operant.reward_design.base import DesignSpec
from operant.reward_design.metrics.starc import starc_distance
from operant.reward_design.shaping.exprd import design_explicable
from operant.types import RewardTerms, Transition

ENV = "SparseKey-5x5-v0"


class Negated(RewardDesign):
    id = "negated"

    def step(self, t: Transition) -> RewardTerms:
        return RewardTerms.sum_of(env=-t.reward)


class Afterwards(RewardDesign):
    id = "afterwards"
    spec = DesignSpec(timing="episode")


def between(made: Comparison, one: str, other: str) -> float:
    return float(made.matrix[made.labels.index(one), made.labels.index(other)])


def test_shaping_is_the_same_the_negation_opposite_and_a_bonus_something_else() -> None:
    made = compare(ENV, ["potential", "naive", Negated()], gamma=0.99)
    assert made.labels == ("true", "potential", "naive", "negated")
    assert made.exact
    assert (made.states, made.samples, made.floor) == (260, None, None)
    assert between(made, "true", "potential") < 1e-9
    assert between(made, "true", "negated") == pytest.approx(2.0)
    assert 0.5 < between(made, "true", "naive") < 2.0
    np.testing.assert_allclose(made.matrix, made.matrix.T)


def test_the_numbers_are_those_of_the_enumerated_mdp() -> None:
    made = compare(ENV, ["naive"], gamma=0.9, seed=3)
    env = gym.make(ENV)
    env.reset(seed=3)
    mdp = env.unwrapped.tabular_mdp()
    before = np.stack([mdp.features[name] for name in ("has_key", "door_open")])[:, :, None]
    after = np.stack([mdp.successor_features[name] for name in ("has_key", "door_open")])
    designed = mdp.reward + 0.5 * (~before.astype(bool) & after.astype(bool)).sum(axis=0)
    expected = starc_distance(mdp, mdp.reward, designed, gamma=0.9)
    assert between(made, "true", "naive") == pytest.approx(expected, abs=1e-12)


@pytest.mark.integration
@pytest.mark.parametrize("metric", ["starc", "starc_minimal"])
@pytest.mark.parametrize("env_id", ["BoatRace-v0", "Tomato-Toy-v0", "SideEffectBox-v0"])
def test_the_proxy_of_an_env_stands_beside_the_true_reward(env_id: str, metric: str) -> None:
    made = compare(env_id, ["none"], gamma=0.99, metric=metric)
    assert made.labels == ("true", "proxy", "none")
    assert between(made, "true", "none") == 0.0
    assert 0.05 < between(made, "true", "proxy") < 1.5


def test_two_designs_of_one_id_have_two_names() -> None:
    upside_down = make_design("potential", scale=-3.0)
    made = compare(ENV, ["potential", upside_down], gamma=0.99)
    assert made.labels == ("true", "potential", "potential #2")
    assert made.matrix.max() < 1e-9


def test_designs_that_cannot_be_compared_are_named_with_the_reason() -> None:
    with pytest.raises(OperantError, match=r"'count' is not Markov.*estimate with samples instead"):
        compare(ENV, ["potential", "count"], gamma=0.99)
    with pytest.raises(OperantError, match="'afterwards' has timing 'episode'"):
        compare(ENV, [Afterwards()], gamma=0.99, samples=100)
    with pytest.raises(OperantError, match=r"'naive' reads features .* does not publish"):
        compare("BoatRace-v0", ["naive"], gamma=0.99)
    with pytest.raises(GammaMismatchError):
        compare(ENV, [make_design("potential", gamma=0.5)], gamma=0.99)
    with pytest.raises(UnknownIdError, match="did you mean potential"):
        compare(ENV, ["potentail"], gamma=0.99)


@pytest.mark.integration
def test_where_chance_plays_a_part_the_model_has_probabilities() -> None:
    made = compare("RoomNav-v0", ["exprd", "none", Negated()], gamma=0.95)
    assert (made.labels, made.states) == (("true", "exprd", "none", "negated"), 49)
    assert made.exact
    assert between(made, "true", "none") < 1e-12
    assert between(made, "true", "negated") == pytest.approx(2.0)
    mdp = room_nav.model()
    table = design_explicable(mdp, gamma=0.95).reward
    expected = starc_distance(mdp, mdp.reward, table, gamma=0.95)
    assert between(made, "true", "exprd") == pytest.approx(expected, abs=1e-9)
    with pytest.raises(OperantError, match=r"'potential' reads features .*does not publish"):
        compare("RoomNav-v0", ["potential"], gamma=0.95)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "LineKey-v0"])
def test_envs_without_a_list_of_states_are_refused_with_a_way_out(env_id: str) -> None:
    with pytest.raises(OperantError, match="or estimate the distances with samples"):
        compare(env_id, ["none"], gamma=0.99)


def test_metrics_that_ask_for_what_cannot_happen_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'epic' .* cannot happen.* starc, starc_minimal"):
        compare(ENV, ["none"], gamma=0.99, metric="epic")
    with pytest.raises(ValueError, match="only metric 'starc' can be estimated"):
        compare(ENV, ["none"], gamma=0.99, metric="starc_minimal", samples=100)
    with pytest.raises(UnknownIdError, match="did you mean starc"):
        compare(ENV, ["none"], gamma=0.99, metric="stark")
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\), got 1"):
        compare(ENV, ["none"], gamma=1.0)
    with pytest.raises(ValueError, match="samples must be >= 0, got -1"):
        compare(ENV, ["none"], gamma=0.9, samples=-1)


def test_estimates_know_shaping_and_negation_and_carry_their_noise() -> None:
    made = compare(
        "Empty-5x5-v0",
        [Negated(), "count"],
        gamma=0.9,
        samples=10_000,
        env_kwargs={"max_steps": 50},
    )
    assert not made.exact
    assert (made.states, made.samples) == (None, 10_000)
    assert between(made, "true", "negated") == pytest.approx(2.0)
    exact = compare("Empty-5x5-v0", [Negated()], gamma=0.9)
    assert between(made, "true", "negated") == pytest.approx(between(exact, "true", "negated"))
    assert made.floor is not None
    assert (made.floor > 0).all()
    assert (made.floor < 1.0).all()
    again = compare(
        "Empty-5x5-v0",
        [Negated(), "count"],
        gamma=0.9,
        samples=10_000,
        env_kwargs={"max_steps": 50},
    )
    np.testing.assert_array_equal(made.matrix, again.matrix)


def test_estimates_work_with_foreign_envs() -> None:
    made = compare("CartPole-v1", ["none", Negated()], gamma=0.9, samples=2_000)
    np.testing.assert_allclose(made.matrix[0], [0, 0, 2], atol=1e-9)


@pytest.mark.parametrize("samples", [0, 60])
def test_scipy_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, samples: int) -> None:
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(MissingExtraError, match=r"'scipy' is not .*operant\[theory\]"):
        compare("Empty-5x5-v0", [Negated()], gamma=0.9, samples=samples)


def test_a_reward_never_seen_is_not_compared() -> None:
    with pytest.raises(OperantError, match="'true' was 0 in all 100 transitions"):
        compare("SparseKey-v0", ["naive"], gamma=0.99, samples=60)


def test_an_env_that_pays_its_proxy_is_not_taken_for_the_truth() -> None:
    with pytest.raises(OperantError, match=r"pays .* where its true reward is"):
        compare("BoatRace-v0", [], gamma=0.9, samples=100, env_kwargs={"reward": "proxy"})
    exact = compare("BoatRace-v0", [], gamma=0.9, env_kwargs={"reward": "proxy"})
    np.testing.assert_array_equal(exact.matrix, compare("BoatRace-v0", [], gamma=0.9).matrix)


def test_a_design_in_use_is_left_alone() -> None:
    design = make_design("potential")
    env = shape(gym.make(ENV), design, gamma=0.5)
    compare(ENV, [design], gamma=0.99)
    assert design.gamma == 0.5
    env.close()


def test_json_tells_everything() -> None:
    made = compare(ENV, ["naive"], gamma=0.99, seed=2)
    values = json.loads(json.dumps(made.to_json()))
    np.testing.assert_array_equal(values.pop("matrix"), made.matrix)
    assert values == {
        "env_id": ENV,
        "seed": 2,
        "gamma": 0.99,
        "metric": "starc",
        "labels": ["true", "naive"],
        "states": made.states,
        "samples": None,
        "floor": None,
        "exact": True,
    }


@pytest.fixture
def sketch() -> Comparison:
    return Comparison(
        env_id="Env-v0",
        seed=0,
        gamma=0.9,
        metric="starc",
        labels=("true", "<b>&[red]"),
        matrix=np.array([[0.0, 1.25], [1.25, 0.0]]),
        samples=1000,
        floor=np.array([0.125, 0.5]),
    )


def test_the_table_shows_labels_as_they_are(sketch: Comparison) -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(sketch.table())
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [
        ["true", "<b>&[red]", "noise"],
        ["true", "0.00", "1.25", "0.12"],
        ["<b>&[red]", "1.25", "0.00", "0.50"],
    ]


def test_the_picture_shows_names_numbers_and_one_colour_per_distance(
    sketch: Comparison, tmp_path: Path
) -> None:
    drawn = sketch.draw(tmp_path / "matrix.svg").read_text()
    root = ET.fromstring(drawn)
    words = [node.text for node in root.iter() if node.tag.endswith("text") and node.text]
    assert words.count("0.00") == words.count("1.25") == 2
    assert words.count("<b>&[red]") == words.count("true") == 2
    assert "starc distances on Env-v0" in words
    assert "estimated from 1,000 random transitions, gamma 0.9; noise up to 0.50" in words
    assert {"0 same", "1.41 unrelated", "2 opposite"} <= set(words)
    fills = re.findall(r'distance: ([\d.]+)"[^>]*fill="(rgb[^"]+)"', drawn)
    assert dict(fills).keys() == {"0", "1.25"}
    assert len(set(dict(fills).values())) == len(set(fills)) == 2


@pytest.mark.integration
def test_the_other_formats(sketch: Comparison, tmp_path: Path) -> None:
    with Image.open(sketch.draw(tmp_path / "matrix.png")) as picture:
        assert picture.width > 200
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    page = sketch.draw(str(tmp_path / "matrix.html")).read_text()
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert "<script" not in page
    assert "<b>" not in page
    with pytest.raises(ValueError, match=r"must end in .svg, .png, .html, got .*matrix.gif"):
        sketch.draw(tmp_path / "matrix.gif")
