"""A person as judge or commentator of candidates: in the terminal, or on a page with GIFs."""

from __future__ import annotations

import html
import http.server
import secrets
import threading
import urllib.parse
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from operant.reward_design.llm.search.people import Commentator, PairJudge
    from operant.reward_design.llm.search.trial import Trial
    from operant.reward_design.llm.task.spec import ObsView

How = Literal["terminal", "page"]


def judge_of(how: How, runs: Path) -> PairJudge:
    """Return a person as a judge.

    Args:
        how: Where the person is asked.
        runs: Folder of the runs.
    """
    return TerminalJudge(runs) if how == "terminal" else PageJudge(runs)


def commentator_of(how: How, runs: Path, view: ObsView) -> Commentator:
    """Return a person as a commentator."""
    return TerminalCommentator(runs, view) if how == "terminal" else PageCommentator(runs, view)


def gif_of(trial: Trial, runs: Path) -> Path:
    """Return an animation of the final policy of a candidate, drawn now if there is none.

    Raises:
        ValueError: If there is no run, or the world cannot draw itself.
    """
    from operant.benchmarks.reward_search.animation import draw

    run = trial.representative
    found = None if run is None else draw(runs / run.folder)
    if found is None:
        raise ValueError(
            f"there is nothing to look at for {trial.name}: its world cannot draw itself, or its "
            "run is damaged; search with --ask nobody"
        )
    return found


def _answer(question: str) -> str:
    """Ask in the terminal.

    Raises:
        OperantError: If nobody can answer.
    """
    from operant.cli.output import console
    from operant.errors import OperantError

    try:
        return console.input(question).strip()
    except EOFError:
        raise OperantError(
            "nobody answers here: run it in a terminal, or with --ask page or --ask nobody; what "
            "was done is kept"
        ) from None


class TerminalJudge:
    """Asks in the terminal, with the paths of two animations."""

    name = "person"

    def __init__(self, runs: Path) -> None:
        """Store where the runs are."""
        self._runs = runs

    def prefers_first(self, first: Trial, second: Trial) -> bool:
        """Ask until the answer is 1 or 2."""
        from operant.cli.output import console, shown

        for number, trial in enumerate((first, second), 1):
            console.print(f"{number}: {shown(gif_of(trial, self._runs))}", markup=False)
        while (said := _answer("Which one does better, 1 or 2? ")) not in ("1", "2"):
            console.print("Please answer 1 or 2.")
        return said == "1"


class TerminalCommentator:
    """Asks in the terminal what is wrong with what an agent does."""

    name = "person"

    def __init__(self, runs: Path, view: ObsView) -> None:
        """Store where the runs are, and what the features mean."""
        self._runs, self._view = runs, view

    def comment(self, trial: Trial) -> str | None:
        """Ask; an empty answer means that the person is content."""
        from operant.cli.output import console, shown

        console.print(_statistics(trial, self._view), markup=False)
        console.print(f"Look at {shown(gif_of(trial, self._runs))}", markup=False)
        return _answer("What does the agent do, and what should it do instead? ") or None


class PageJudge:
    """Asks on a page that shows two animations side by side."""

    name = "person"

    def __init__(self, runs: Path) -> None:
        """Store where the runs are."""
        self._runs = runs

    def prefers_first(self, first: Trial, second: Trial) -> bool:
        """Show the page and wait for a click."""
        pictures = [gif_of(trial, self._runs).read_bytes() for trial in (first, second)]
        buttons = "".join(
            f'<figure><img src="{number}.gif" alt="agent {number}"><form method="post">'
            f'<button name="said" value="{number}">Agent {number} does better</button></form>'
            "</figure>"
            for number in (1, 2)
        )
        return ask_page("Which agent does better?", buttons, pictures, ("1", "2")) == "1"


class PageCommentator:
    """Asks on a page that shows an animation and has room for an answer."""

    name = "person"

    def __init__(self, runs: Path, view: ObsView) -> None:
        """Store where the runs are, and what the features mean."""
        self._runs, self._view = runs, view

    def comment(self, trial: Trial) -> str | None:
        """Show the page and wait for the answer; an empty one means that the person is content."""
        body = (
            '<figure><img src="1.gif" alt="the agent"></figure>'
            f"<pre>{html.escape(_statistics(trial, self._view))}</pre>"
            '<form method="post"><textarea name="said" rows="4" cols="80"></textarea><br>'
            "<button>Send (empty: it is good as it is)</button></form>"
        )
        picture = gif_of(trial, self._runs).read_bytes()
        question = "What does the agent do, and what should it do instead?"
        return ask_page(question, body, [picture]) or None


def ask_page(question: str, body: str, pictures: list[bytes], allowed: tuple[str, ...] = ()) -> str:
    """Serve one page on this machine until its form is sent; returns what was said.

    The address holds a secret, so that no other page in the person's browser can answer.

    Args:
        question: Title.
        body: HTML with a form whose field is ``said``.
        pictures: Animations, served as ``1.gif``, ``2.gif``...
        allowed: Answers that count; empty for any.
    """
    from operant.cli.output import console

    secret, answers = secrets.token_urlsafe(16), list[str]()
    served = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix(f"/{secret}/")
            if name == "":
                self._send("text/html; charset=utf-8", _page(question, body).encode())
            elif name.endswith(".gif") and name[:-4] in map(str, range(1, len(pictures) + 1)):
                self._send("image/gif", pictures[int(name[:-4]) - 1])
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            told = self.headers.get("Content-Length") or ""
            size = min(int(told), 100_000) if told.isdecimal() else 0
            fields = urllib.parse.parse_qs(self.rfile.read(size).decode("utf-8", "replace"))
            said = fields.get("said", [""])[0].strip()
            if self.path != f"/{secret}/" or (allowed and said not in allowed):
                self.send_error(400)
                return
            self._send("text/html; charset=utf-8", _page("Thank you.", "").encode())
            answers.append(said)
            served.set()

        def _send(self, kind: str, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing: the terminal belongs to the search."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/{secret}/"
        console.print(f"{question} Answer at {address}", soft_wrap=True, markup=False)
        webbrowser.open(address)
        served.wait()
        server.shutdown()
    return answers[0]


def _page(title: str, body: str) -> str:
    style = "body{font-family:sans-serif;margin:2rem}figure{display:inline-block;margin:1rem}"
    return (
        f"<!doctype html><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<style>{style}</style><h1>{html.escape(title)}</h1>{body}"
    )


def _statistics(trial: Trial, view: ObsView) -> str:
    from operant.reward_design.llm.search.analysis import analyse

    return analyse(trial.results, view).text(view)
