"""The chain of stages: what each rejects, what it warns of, and what it lets pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.verify import language, proving
from operant.reward_design.llm.verify.dry_run import DryRun
from operant.reward_design.llm.verify.language import LanguageCheck
from operant.reward_design.llm.verify.probes import HackProbes
from operant.reward_design.llm.verify.stages import Case
from operant.reward_design.llm.verify.verifier import Remembering, Verdict, Verifier

STAGES = (LanguageCheck(foreign=False), DryRun(), HackProbes())

GOOD = """
    progress = info["subgoal"] - info["prev_subgoal"]
    closer = 0.0
    if progress == 0:
        closer = 0.1 * (info["prev_steps_to_subgoal"] - info["steps_to_subgoal"])
    arrived = 10.0 if info["door_open"] and info["steps_to_goal"] == 0 else 0.0
    return closer + progress + arrived
"""

HUGE = """
    x = 1.0 + info["steps_to_goal"]
    for i in range(40):
        x = x * x
    return x * 0
"""


def program(body: str, form: Form = "reward", memory: bool = False) -> str:
    parameters = "obs, info" if form == "potential" else "obs, action, next_obs, info"
    text = body if body.startswith("\n") else f"\n    {body}\n"
    return f"def {form}({parameters}{', mem' if memory else ''}):{text}"


@pytest.fixture(scope="module")
def key() -> Verifier:
    return Verifier("SparseKey-5x5-v0", stages=STAGES)


@pytest.fixture(scope="module")
def pole() -> Verifier:
    return Verifier("CartPole-v1", stages=STAGES)


def _play_once(known: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other verifiers use what one has collected."""
    experience = known._ground.experience
    monkeypatch.setattr(proving, "collect", lambda *_, **__: experience)


def found(verdict: Verdict, severity: str) -> list[tuple[str, str]]:
    return [(f.stage, f.code) for f in verdict.findings if f.severity == severity]


def one(verdict: Verdict, code: str) -> Finding:
    (finding,) = [f for f in verdict.findings if f.code == code]
    return finding


@pytest.mark.parametrize(
    ("body", "stage", "code"),
    [
        ("return (1.0", "language", "syntax"),
        ("return 1.0 +* 2", "language", "syntax"),
        ("while True:\n        pass", "language", "forbidden"),
        ("import os\n    return 1.0", "language", "forbidden"),
        ("for i in range(1000000):\n        x = 1.0\n    return 1.0", "language", "loop"),
        ('return info["has_kye"]', "language", "feature"),
        ("return steps_to_goal", "language", "name"),
        ("return obs[0]", "language", "index"),
        ("return action[0]", "language", "index"),
        ("return info.has_key", "language", "attribute"),
        ('if info["has_key"]:\n        return 1.0', "language", "return"),
        ('return info["has_key"] == 1', "language", "type"),
        ('return 1.0 / info["steps_to_goal"]', "dry run", "division"),
        ('return math.log(info["steps_to_key"])', "dry run", "domain"),
        ('return math.sqrt(info["steps_to_goal"] - 2)', "dry run", "domain"),
        ('return math.exp(1000 * info["steps_to_goal"])', "dry run", "overflow"),
        ('return 1e12 * info["steps_to_goal"]', "dry run", "cap"),
        (HUGE, "dry run", "not_finite"),
        ("return 1.0", "dry run", "constant"),
        ('return 0 * info["steps_to_goal"]', "dry run", "constant"),
        ('return 1.0 if info["agent_x"] > 100 else 0.5', "dry run", "constant"),
    ],
)
def test_a_broken_reward_is_rejected_at_the_right_stage(
    key: Verifier, body: str, stage: str, code: str
) -> None:
    verdict = key.check(program(body), "reward")
    assert not verdict.ok
    assert found(verdict, "error") == [(stage, code)]


def test_a_source_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Remembering(Verifier("SparseKey-5x5-v0", stages=STAGES[:1]))
    verdict = verifier.check(program("return action"), "reward")
    monkeypatch.setattr(LanguageCheck, "check", None)
    assert verifier.check(program("return action"), "reward") is verdict


def test_the_finding_of_an_unknown_feature_names_near_ones_and_the_place(key: Verifier) -> None:
    finding = one(key.check(program('return info["has_kye"]'), "reward"), "feature")
    assert (finding.line, finding.column) == (2, 17)
    assert "has_key" in finding.hint


def test_a_failure_in_the_terminal_state_is_found_and_shown(key: Verifier) -> None:
    verdict = key.check(program('return 1.0 / info["steps_to_goal"]'), "reward")
    finding = one(verdict, "division")
    assert finding.data["example"]["steps_to_goal"] == 0
    assert 0 < finding.data["failed"] < finding.data["of"] // 10
    assert verdict.summary["failed"] == finding.data["failed"]
    assert (finding.line, finding.column) == (2, 12)


def test_a_program_that_does_too_much_is_refused_unrun(key: Verifier) -> None:
    loop = "\n    x = 0.0\n    for i in range({}):\n        x += action * 0.1\n    return x\n"
    slow = key.check(program(loop.format(1000)), "reward")
    assert slow.ok
    assert found(slow, "warning")[0] == ("language", "slow")
    nested = loop.replace("x += action * 0.1", "x += " + " + ".join(["action * 0.1"] * 12))
    verdict = key.check(program(nested.format(4000)), "reward")
    assert found(verdict, "error") == [("language", "slow")]
    assert "minimum" not in verdict.summary


def test_a_failure_where_nobody_was_is_a_warning(key: Verifier) -> None:
    verdict = key.check(program('return info["steps_to_goal"] / info["agent_x"]'), "reward")
    assert verdict.ok
    assert ("dry run", "division") in found(verdict, "warning")


def test_a_good_reward_passes_without_a_word(key: Verifier) -> None:
    verdict = key.check(program(GOOD), "reward")
    assert verdict.ok
    assert verdict.findings == ()
    assert verdict.terms == ("closer", "progress", "arrived")
    assert len(verdict.identity) == 64
    summary = verdict.summary
    assert summary["correlation"] > 0.8
    assert summary["maximum"] == pytest.approx(10.1)
    assert set(summary["terms"]) == set(verdict.terms)
    assert sum(told["share"] for told in summary["terms"].values()) == pytest.approx(1.0)
    returns = summary["returns"]
    assert returns["solution"] > max(returns["standing still"], returns["oscillating"])


def test_a_verdict_is_reproducible(pole: Verifier) -> None:
    source = program("return next_obs[0] + 100 * next_obs[2] + (0.2 if action == 1 else 0.0)")
    first = pole.check(source, "reward")
    other = Verifier("CartPole-v1", stages=STAGES).check(source, "reward")
    assert first.findings == other.findings != ()
    same = dict(first.summary), dict(other.summary)
    for summary in same:
        del summary["microseconds"]
    assert same[0] == same[1]


def test_the_wrong_sign_is_told(key: Verifier) -> None:
    verdict = key.check(
        program('return info["steps_to_goal"] - info["prev_steps_to_goal"]'), "reward"
    )
    assert verdict.ok
    assert one(verdict, "wrong direction").data["r"] < -0.05
    assert ("probe", "acting at random") in found(verdict, "warning")


@pytest.mark.parametrize(
    ("body", "kind", "actions"),
    [
        ('return info["has_key"] + 0.0 * action', "standing still", None),
        (
            """
    got = 1.0 if info["has_key"] and not info["prev_has_key"] else 0.0
    there = 3.0 if info["door_open"] and info["steps_to_goal"] == 0 else 0.0
    return got + there
""",
            "oscillating",
            "pickup, drop",
        ),
        (
            'return max(0.0, info["prev_steps_to_goal"] - info["steps_to_goal"])',
            "oscillating",
            None,
        ),
    ],
)
def test_a_reward_that_pays_for_cheating_is_told(
    key: Verifier, body: str, kind: str, actions: str | None
) -> None:
    verdict = key.check(program(body), "reward")
    assert verdict.ok
    finding = one(verdict, kind)
    assert finding.stage == "probe"
    assert finding.severity == "warning"
    assert finding.data["designed"] >= finding.data["solution"]
    assert finding.data["true"] < finding.data["solution_true"]
    assert actions is None or finding.data["actions"] == actions
    assert finding.hint


def test_a_cheat_that_pays_little_but_long_is_a_matter_of_the_discount(
    key: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
    waited = 0.05 if info["agent_x"] == info["prev_agent_x"] else 0.0
    there = 3.0 if info["door_open"] and info["steps_to_goal"] == 0 else 0.0
    return waited + there
"""
    _play_once(key, monkeypatch)
    near, far = (Verifier("SparseKey-5x5-v0", gamma=g, stages=STAGES) for g in (0.9, 1.0))
    assert found(near.check(program(body), "reward"), "warning") == []
    assert ("probe", "standing still") in found(far.check(program(body), "reward"), "warning")


@pytest.mark.integration
def test_dying_early_is_told_where_steps_cost() -> None:
    lava = Verifier("LavaGapS5-v0", stages=STAGES)
    body = 'return -1.0 + 0.1 * (info["prev_steps_to_goal"] - info["steps_to_goal"])'
    finding = one(lava.check(program(body), "reward"), "dying early")
    assert finding.data["solution"] < finding.data["designed"] < 0
    harmless = 'return 0.1 * (info["prev_steps_to_goal"] - info["steps_to_goal"])'
    assert found(lava.check(program(harmless), "reward"), "warning") == []


def test_terms_are_looked_at_one_by_one(key: Verifier) -> None:
    body = """
    steps = 1.0 * info["steps_to_goal"]
    flat = 0.5
    squashed = math.tanh(6 * (info["steps_to_goal"] - 3.5))
    tiny = 0.001 * info["agent_y"]
    return steps + flat + squashed + tiny
"""
    verdict = key.check(program(body), "reward")
    flat = one(verdict, "constant term")
    assert (flat.severity, flat.data) == ("note", {"term": "flat", "value": 0.5})
    never = key.check(program(body.replace("flat = 0.5", "flat = 0.0")), "reward")
    assert one(never, "constant term").severity == "warning"
    assert one(verdict, "saturated").data["term"] == "squashed"
    big = body.replace("1.0 * info", "1000.0 * info")
    assert one(key.check(program(big), "reward"), "dominant").data["term"] == "steps"


def test_memory_lasts_an_episode(key: Verifier) -> None:
    body = """
    mem[0] += 1
    new = 1.0 if info["has_key"] and mem[1] == 0 else 0.0
    mem[1] = max(mem[1], info["has_key"])
    return new - 0.001 * mem[0]
"""
    verdict = key.check(program(body, memory=True), "reward")
    assert verdict.ok
    assert ("probe", "oscillating") not in found(verdict, "warning")  # the key pays once
    assert verdict.summary["minimum"] == pytest.approx(-0.128)  # the longest random episode
    failing = body.replace("0.001 * mem[0]", "1 / (mem[0] - 20)")
    verdict = key.check(program(failing, memory=True), "reward")
    assert found(verdict, "error") == [("dry run", "division")]


def test_memory_is_empty_where_a_step_is_asked_alone(key: Verifier) -> None:
    """On every episode it is well, so it may be used; a step by itself must not end the check."""
    body = """
    if info["prev_has_key"] < 0.5:
        mem[0] = 1.0
    return info["has_key"] / mem[0]
"""
    verdict = key.check(program(body, memory=True), "reward")
    assert verdict.ok
    assert ("dry run", "division") in found(verdict, "warning")


def test_potentials(key: Verifier) -> None:
    good = program('return info["subgoal"] - 0.05 * info["steps_to_subgoal"]', "potential")
    verdict = key.check(good, "potential")
    assert verdict.ok
    assert found(verdict, "warning") == []
    assert found(verdict, "note") == [("probe", "skipped")]
    assert verdict.terms == ("potential",)
    assert verdict.summary["correlation"] > 0.8
    bad = program('return -info["subgoal"]', "potential")
    assert ("dry run", "wrong direction") in found(key.check(bad, "potential"), "warning")
    for body, code in (
        ("return 2.0", "constant"),
        ('return 1 / info["steps_to_goal"]', "division"),
        ('return 1 / (info["has_key"] + info["subgoal"])', "division"),  # where episodes begin
    ):
        verdict = key.check(program(body, "potential"), "potential")
        assert found(verdict, "error") == [("dry run", code)]
    before = program('return info["prev_has_key"]', "potential")
    assert found(key.check(before, "potential"), "error") == [("language", "feature")]


def test_of_signs_only_the_signs_count(key: Verifier) -> None:
    body = """
    there = 1.0 if info["door_open"] and info["steps_to_goal"] == 0 else 0.0
    return [there, info["prev_steps_to_goal"] - info["steps_to_goal"]]
"""
    verdict = key.check(program(body, "signs"), "signs")
    assert verdict.ok
    assert verdict.terms == ("sparse", "dense")
    assert verdict.summary["maximum"] == pytest.approx(1.1)
    still = program('return [0.0, 1 + info["steps_to_goal"]]', "signs")  # varies, its sign does not
    assert found(key.check(still, "signs"), "error") == [("dry run", "constant")]
    half = program('return [0.0, info["prev_steps_to_goal"] - info["steps_to_goal"]]', "signs")
    assert one(key.check(half, "signs"), "constant term").data["term"] == "sparse"


def test_factors(key: Verifier) -> None:
    body = 'return [info["steps_to_goal"], 3 - 2 * info["steps_to_goal"], 4.0, info["has_key"]]'
    verdict = key.check(program(body, "factors"), "factors")
    assert verdict.ok
    assert one(verdict, "constant term").data["term"] == "factor2"
    duplicate = one(verdict, "duplicate")
    assert duplicate.data["terms"] == ["factor0", "factor1"]
    assert duplicate.data["r"] == pytest.approx(-1.0)
    assert found(verdict, "note") == [("probe", "skipped")]
    assert found(key.check(program("return [1.0, 2.0]", "factors"), "factors"), "error") == [
        ("dry run", "constant")
    ]
    bad = program('return [info["has_key"], 1 / info["steps_to_goal"]]', "factors")
    assert found(key.check(bad, "factors"), "error") == [("dry run", "division")]


def test_worlds_of_others_without_features_or_oracle(pole: Verifier) -> None:
    verdict = pole.check(program("return 1.0 - abs(next_obs[2]) - 0.5 * abs(obs[0])"), "reward")
    assert verdict.ok
    assert "no oracle" in one(verdict, "skipped").message
    assert verdict.summary["correlation"] > 0.9  # of returns: the true reward is always 1
    gives_up = pole.check(program("return -0.1 - abs(next_obs[2])"), "reward")
    finding = one(gives_up, "wrong direction")
    assert finding.data["count"] < 100
    assert "episodes" in finding.message
    swing = Verifier("Pendulum-v1", stages=STAGES)
    verdict = swing.check(program("return next_obs[0] - 0.01 * action[0] ** 2"), "reward")
    assert verdict.ok
    assert verdict.summary["correlation"] > 0.5
    number = swing.check(program("return -abs(action)"), "reward")
    assert found(number, "error") == [("language", "type")]


def test_programs_see_arrays_that_cannot_be_changed(
    key: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play_once(key, monkeypatch)
    seen: list[Case] = []

    class Spy:
        name = "spy"

        def check(self, case: Case) -> list[Finding]:
            seen.append(case)
            return []

    chain = Verifier("SparseKey-5x5-v0", stages=(*STAGES, Spy()))
    assert chain.check(program(GOOD), "reward").ok
    steps = seen[0].ground.experience.steps
    for array in (steps.obs, steps.action, steps.next_obs, *steps.info.values()):
        assert not array.flags.writeable
    rejected = chain.check(program("return 1.0"), "reward")
    assert not rejected.ok
    assert len(seen) == 1  # the chain had ended


def test_text_of_strangers_is_parsed_by_a_child_first(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(language, "require_parsable", read.append)
    text = program("return next_obs[0]")
    assert Verifier("CartPole-v1").check(text, "reward").ok
    assert read == [text]
    assert Verifier("CartPole-v1", stages=STAGES).check(text, "reward").ok
    assert read == [text]


def test_a_reward_that_changes_its_mind_is_rejected(
    key: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    from operant.reward_design.llm.language.program import RewardProgram

    honest: Callable[..., float] = RewardProgram.__call__
    rng = np.random.default_rng(0)
    monkeypatch.setattr(RewardProgram, "__call__", lambda *given: honest(*given) + rng.normal())
    verdict = key.check(program(GOOD), "reward")
    assert found(verdict, "error") == [("dry run", "inconsistent")]


def test_arguments_are_checked() -> None:
    for wrong, message in (
        ({"gamma": 1.5}, "gamma must lie in"),
        ({"seed": -1}, "seed must be >= 0"),
        ({"stages": ()}, "at least one stage"),
    ):
        with pytest.raises(ValueError, match=message):
            Verifier("SparseKey-5x5-v0", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="form must be one of"):
        Verifier("SparseKey-5x5-v0").check("", "rewards")  # type: ignore[arg-type]


def test_findings_are_plain_data(key: Verifier) -> None:
    import json

    for body in ('return 1 / info["steps_to_goal"]', 'return info["steps_to_goal"]', "return 1.0"):
        verdict = key.check(program(body), "reward")
        text = json.dumps([dataclasses.asdict(f) for f in verdict.findings], allow_nan=False)
        assert json.loads(text)[0]["message"]
        json.dumps(verdict.summary, allow_nan=False)
