"""The verifier of an env: a chain of stages, and what they say of a source."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from operant.reward_design.llm.findings import Finding, rejects
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.forms import FORMS
from operant.reward_design.llm.task.spec import ObsView
from operant.reward_design.llm.verify.dry_run import DryRun
from operant.reward_design.llm.verify.language import LanguageCheck
from operant.reward_design.llm.verify.outputs import names_of
from operant.reward_design.llm.verify.probes import HackProbes
from operant.reward_design.llm.verify.proving import ProvingGround
from operant.reward_design.llm.verify.stages import Case, Stage

STAGES: tuple[Stage, ...] = (LanguageCheck(), DryRun(), HackProbes())
"""The usual chain."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a verifier says of a source.

    Attributes:
        findings: What was found, in the order of the stages.
        identity: Hash of the program, 64 hexadecimal digits; ``""`` if it is none.
        terms: Names of what it returns: terms of a reward, factors, ...; empty if it is none.
        summary: Numbers behind the verdict, JSON values: ``transitions`` tried, range
            (``minimum``, ``maximum``, ``mean``, ``std``), ``correlation`` with the true reward (of
            a potential, with the way along solutions), range and ``share`` of each of the
            ``terms``, ``returns`` of solutions and cheats, ``operations`` and ``microseconds`` of a
            call.
    """

    findings: tuple[Finding, ...]
    identity: str = ""
    terms: tuple[str, ...] = ()
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it may be trained on; warnings allow that."""
        return not rejects(self.findings)


class Verifier:
    """Checks sources for one env, which it plays when it is first asked.

    >>> import operant
    >>> verifier = Verifier("SparseKey-5x5-v0")
    >>> verdict = verifier.check('def potential(obs, info): return info["has_kye"]', "potential")
    >>> verdict.ok, verdict.findings[0].hint
    (False, 'did you mean has_key?')
    """

    def __init__(
        self,
        env_id: str,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        gamma: float = 0.99,
        seed: int = 0,
        stages: Sequence[Stage] = STAGES,
    ) -> None:
        """Remember what to check with; nothing is played yet.

        Args:
            env_id: Gymnasium id; the env's own reward counts as the true one.
            env_kwargs: Arguments of the env.
            gamma: The agent's discount, in [0, 1].
            seed: Of levels and random actions, >= 0.
            stages: The chain, in order.

        Raises:
            ValueError: If ``gamma`` or ``seed`` is outside its range, or there is no stage.
        """
        if not stages:
            raise ValueError("stages must hold at least one stage, got none")
        self._ground = ProvingGround(env_id, env_kwargs=env_kwargs or {}, gamma=gamma, seed=seed)
        self._stages = tuple(stages)

    @property
    def view(self) -> ObsView:
        """What programs can read of the env.

        Raises:
            ViewError: If the env does not show what it declares.
        """
        return self._ground.view

    def check(self, source: str, form: Form) -> Verdict:
        """Return what is wrong with a source.

        Raises:
            ValueError: If the form is unknown.
        """
        if form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
        case = Case(source=source, form=form, ground=self._ground)
        findings: list[Finding] = []
        for stage in self._stages:
            findings += stage.check(case)
            if rejects(findings):
                break
        program = case.program
        return Verdict(
            findings=tuple(findings),
            identity="" if program is None else program.identity,
            terms=() if program is None else names_of(program),
            summary=case.summary,
        )


class Remembering:
    """A verifier that checks each source once: a search and its control begin with equal ones."""

    def __init__(self, verifier: Verifier) -> None:
        """Remember nothing yet."""
        self._verifier = verifier
        self._known: dict[tuple[str, Form], Verdict] = {}

    def check(self, source: str, form: Form) -> Verdict:
        """Return what :meth:`Verifier.check` does."""
        if (source, form) not in self._known:
            self._known[source, form] = self._verifier.check(source, form)
        return self._known[source, form]
