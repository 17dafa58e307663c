"""What writers are told, in our words. ``VERSION`` is raised whenever a text here changes."""

from __future__ import annotations

from collections.abc import Sequence

from operant.reward_design.llm.providers.protocol import Message
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.forms import FORMS
from operant.reward_design.llm.search.trial import Trial
from operant.reward_design.llm.task.rendering import language_rules, task_text, vocabulary
from operant.reward_design.llm.task.spec import ObsView, TaskSpec

VERSION = 1
"""Of these texts; part of every lineage."""

Dialogue = tuple[Message, ...]


def opening(task: TaskSpec, view: ObsView, form: Form) -> Dialogue:
    """Return the first question: role, language, world, task, and the form of the answer."""
    system = f"{_ROLE}\n\n{language_rules(form)}"
    user = "\n\n".join([_world(task, view, form), _ADVICE[form], _FORMAT])
    return Message(role="system", content=system), Message(role="user", content=user)


def answered(dialogue: Dialogue, trial: Trial, reply: str) -> Dialogue:
    """Return a dialogue of four messages: the question, a candidate as its answer, and what to say.

    The dialogue does not grow with the rounds: ``dialogue`` is the opening.
    """
    return (
        *dialogue,
        Message(role="assistant", content=_fenced(trial.candidate.source)),
        Message(role="user", content=f"{reply}\n\n{_FORMAT}"),
    )


def extended(dialogue: Dialogue, *parts: str) -> Dialogue:
    """Return a dialogue whose last message says more."""
    *before, last = dialogue
    content = "\n\n".join([last.content, *(part for part in parts if part)])
    return (*before, Message(role=last.role, content=content))


def shown(title: str, trial: Trial, *remarks: str) -> str:
    """Return a candidate with a title and what there is to say about it."""
    return "\n".join([title, _fenced(trial.candidate.source), *(r for r in remarks if r)])


def criticism(task: TaskSpec, view: ObsView, form: Form, trial: Trial) -> Dialogue:
    """Return the question for a verdict on a candidate before anything is trained on it."""
    about = f"It returns {FORMS[form].returns}."
    user = "\n\n".join([_world(task, view, form), shown("The program:", trial), about, _CRITICISE])
    return Message(role="system", content=_CRITIC), Message(role="user", content=user)


def union(task: TaskSpec, view: ObsView, form: Form, trials: Sequence[Trial]) -> Dialogue:
    """Return the question for one program made of several."""
    return extended(
        opening(task, view, form),
        *(shown(f"Proposal {k}:", trial) for k, trial in enumerate(trials, 1)),
        "Merge the proposals into one program that has every useful quantity of them once, and add "
        "what all of them forgot.",
    )


def _fenced(source: str) -> str:
    return f"```python\n{source.strip()}\n```"


def _world(task: TaskSpec, view: ObsView, form: Form) -> str:
    return f"{task_text(task)}\n\nWhat a program can read:\n{vocabulary(view, form)}"


_ROLE = """\
You design rewards for reinforcement learning. An agent is trained on the reward that your program \
computes, and is then judged by whether it solves the task. It will do whatever your program pays \
for, not what you mean: pay for progress, and make sure that nothing can be earned again and again \
without getting closer to the goal."""
_FORMAT = """\
First say in a few sentences which steps lead to the goal and how the program rewards each. Then \
give the whole program in one block that starts with ```python and ends with ```."""
_ADVICE: dict[Form, str] = {
    "reward": "Give every term a name and return the sum of these names, as in "
    "`return approach + opened - effort`: each term is then reported by its name.",
    "potential": "It must be a function of the state alone, higher the closer the goal is; the "
    "agent is paid its changes.",
    "signs": "`sparse` is +1 when the task is solved, -1 for a disaster, 0 otherwise; `dense` is "
    "+1 for a step in the right direction, -1 for one in the wrong direction, 0 otherwise.",
    "factors": "Do not weigh them: choose few, meaningful and different quantities, and let a "
    "learned function find out how the return depends on them.",
}
_CRITIC = """\
You review programs that reward an agent, before anything is trained on them. You look for \
mistakes of logic: wrong signs, wrong features, conditions that never hold, payments that can be \
repeated without progress."""
_CRITICISE = """\
If the program is right, answer with the one word ACCEPT. Otherwise answer with one line per \
mistake, each of which starts with ERROR: and says what is wrong and what to do."""
