"""Finds the program in what a provider wrote, or says why there is none."""

from __future__ import annotations

import dataclasses
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.language.errors import MAX_CHARACTERS
from operant.reward_design.llm.language.vocabulary import MEMORY, PARAMETERS
from operant.reward_design.llm.providers.protocol import FinishReason
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.forms import FORMS

STAGE = "reply"
_FENCE = re.compile(r"(`{3,}|~{3,})([^`]*)")
_DEF = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(([^)]{0,400})", re.MULTILINE)
_IMPORT = re.compile(r"\s*import\s+math\s*(?:#.*)?$")
LONGEST_REPLY = 100_000
"""Characters of a reply that is read at all; a program has 8 thousand."""
_SHOWN = 200
"""Characters of a reply that a finding quotes."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """A piece of text that may be code.

    Attributes:
        lines: The text.
        closed: False if its fence never ends.
    """

    lines: tuple[str, ...]
    closed: bool = True

    def functions(self) -> dict[str, str]:
        """Return the functions that it defines: name -> parameters, as written."""
        found = _DEF.findall("\n".join(self.lines))
        return {name: " ".join(given.split()).removesuffix(",") for name, given in found}


def read_reply(
    text: str, finish_reason: FinishReason, form: Form
) -> tuple[str, tuple[Finding, ...]]:
    """Return the program that a reply holds, and what is wrong with the reply.

    The program is the last block of code that defines the function that is wanted; without any
    fence, it is taken from the prose. Imports of ``math`` are dropped, as the language has it.
    Whether it is a program of the language is not asked here.

    Args:
        text: All that was written.
        finish_reason: How the writing ended.
        form: What kind of program is wanted.

    Returns:
        The source, ``""`` if there is none, and findings; one with severity ``"error"`` means that
        the source must not be used.
    """
    if problem := _no_answer(text, finish_reason):
        return "", (problem,)
    blocks = [*_blocks(text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff"))]
    wanted = [block for block in blocks if form in block.functions()]
    if not wanted:
        return _nothing_wanted(text, blocks, finish_reason, form)
    source, dropped = _source(wanted[-1])
    findings, given = [], wanted[-1].functions()[form]
    if finish_reason == "length" or not wanted[-1].closed or _unfinished(source):
        findings.append(_cut_off(form))
    elif re.sub(r"\s*,\s*", ", ", given) not in _parameters(form):
        findings.append(_other_signature(form, [f"{form}({given})"]))
    if dropped:
        message = "the import of math was dropped: it is there without one"
        findings.append(_note("import", message))
    if len(wanted) > 1:
        message = f"{len(wanted)} blocks define {form}; the last one counts"
        findings.append(_note("several", message, {"blocks": len(wanted)}))
    return source, tuple(findings)


def _nothing_wanted(
    text: str, blocks: Sequence[_Block], finish_reason: FinishReason, form: Form
) -> tuple[str, tuple[Finding, ...]]:
    """Return what a reply without the wanted function holds, and why that is no use."""
    defined = {name: given for block in blocks for name, given in block.functions().items()}
    if finish_reason == "length":
        return "", (_cut_off(form),)
    if not defined:
        hint = f"answer with one function in a python code fence: {FORMS[form].signature}"
        said = {"reply": text.strip()[:_SHOWN]}
        return "", (_finding("no code", "the reply holds no program", hint, said),)
    found = [f"{name}({given})" for name, given in defined.items()]
    last = [block for block in blocks if block.functions()][-1]
    return _source(last)[0], (_other_signature(form, found),)


def _no_answer(text: str, finish_reason: FinishReason) -> Finding | None:
    """Return why there is nothing to look for code in, or None."""
    if len(text) > LONGEST_REPLY:
        message = f"the reply has {len(text)} characters, more than {LONGEST_REPLY}"
        return _finding("too long", message, "say less, and write one program")
    said = {"reply": text.strip()[:_SHOWN]}
    if finish_reason == "refused":
        hint = "write the program; it only computes numbers in a simulation"
        return _finding("refused", "the request was refused", hint, said)
    if finish_reason == "error":
        message = f"the request failed: {said['reply'] or 'no reason'}"
        return _finding("no answer", message, "ask again", said)
    if not text.strip():
        return _finding("empty", "the reply is empty", "answer with one function in a code fence")
    return None


def _blocks(text: str) -> Iterator[_Block]:
    """Yield the fenced blocks; without any fence, what looks like code in the prose."""
    lines, fenced = text.split("\n"), False
    at = 0
    while at < len(lines):
        opening = _FENCE.fullmatch(lines[at].strip())
        at += 1
        if not opening:
            continue
        fenced, first, mark = True, at, opening[1]
        while at < len(lines) and not _closes(lines[at], mark):
            at += 1
        yield _Block(lines=tuple(lines[first:at]), closed=at < len(lines))
        at += 1
    if not fenced:
        yield from _unfenced(lines)


def _closes(line: str, mark: str) -> bool:
    found = _FENCE.fullmatch(line.strip())
    return bool(found and not found[2] and found[1].startswith(mark))


def _unfenced(lines: list[str]) -> Iterator[_Block]:
    """Yield each function that stands in prose, up to the first line that is not its own."""
    at = 0
    while at < len(lines):
        if not _DEF.match(lines[at]):
            at += 1
            continue
        first, indent, depth = at, _indent(lines[at]), _depth(lines[at])
        at += 1
        while at < len(lines) and (
            depth > 0 or not lines[at].strip() or _indent(lines[at]) > indent
        ):
            depth += _depth(lines[at])
            at += 1
        yield _Block(lines=tuple(lines[first:at]))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _depth(line: str) -> int:
    """Return how many brackets a line opens and leaves open; comments do not count."""
    code = line.partition("#")[0]
    return sum((c in "([{") - (c in ")]}") for c in code)


def _source(block: _Block) -> tuple[str, bool]:
    """Return the text of a block without outer indentation and imports of math, and if it had any.

    Lines outside the function stay: the language says what is wrong with them.
    """
    kept = [line.expandtabs(4).rstrip() for line in block.lines if not _IMPORT.match(line)]
    dropped = len(kept) < len(block.lines)
    return textwrap.dedent("\n".join(kept)).strip("\n") + "\n", dropped


def _unfinished(source: str) -> bool:
    """Return whether a source ends within a bracket or a string of several lines."""
    if len(source) > MAX_CHARACTERS:
        return False  # the language refuses that
    try:
        for _ in tokenize.generate_tokens(io.StringIO(source).readline):
            pass
    except tokenize.TokenError as error:
        return "EOF" in str(error)
    except SyntaxError:
        return False  # another fault, which the language tells better
    return False


def _parameters(form: Form) -> tuple[str, ...]:
    """Return the parameters that a form can have, as written."""
    plain = ", ".join(PARAMETERS[form])
    return (plain,) if form == "potential" else (plain, f"{plain}, {MEMORY}")


def _cut_off(form: Form) -> Finding:
    hint = f"write a shorter program, {FORMS[form].signature} to its last line, and close the fence"
    return _finding("cut off", "the reply was cut off before the program ended", hint)


def _other_signature(form: Form, found: Sequence[str]) -> Finding:
    wanted = FORMS[form].signature
    message = f"the reply defines {', '.join(found)}, and {wanted} is wanted"
    hint = f"write one function that begins with {wanted}"
    return _finding("signature", message, hint, {"found": list(found), "wanted": wanted})


def _finding(code: str, message: str, hint: str, data: Mapping[str, Any] | None = None) -> Finding:
    return Finding(
        stage=STAGE, severity="error", code=code, message=message, hint=hint, data=data or {}
    )


def _note(code: str, message: str, data: Mapping[str, Any] | None = None) -> Finding:
    return Finding(stage=STAGE, severity="note", code=code, message=message, data=data or {})
