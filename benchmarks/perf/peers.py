"""The other implementations, each in an interpreter of its own behind :mod:`.peer_worker`."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from operant.benchmarks.perf import peer_worker
from operant.benchmarks.perf.interleave import Contender
from operant.errors import OperantError

PINS: dict[str, tuple[str, ...]] = {
    "envpool": ("envpool==1.2.5", "gymnasium==1.4.0"),
    "navix": ("navix==0.7.4", "jax==0.10.2"),
    "xminigrid": ("xminigrid==0.9.3", "jax==0.10.2"),
}
"""What :func:`install` puts into each environment."""
PEERS = (*PINS, "minigrid")
"""Names of all peers; MiniGrid goes together with our pins and is sought in our interpreter."""
SCRIPT = Path(peer_worker.__file__)


class PeerError(OperantError):
    """A peer's interpreter did not start or stopped answering."""


class Worker:
    """One contender of :mod:`.peer_worker`, running.

    Attributes:
        version: Version of the peer.
    """

    def __init__(self, python: Path, key: str, script: Path = SCRIPT) -> None:
        """Start the process and wait until it has compiled.

        Args:
            python: The interpreter that has the peer.
            key: Which contender.
            script: The program.

        Raises:
            PeerError: If it does not come up; says why in its own last words.
        """
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by close())
        try:
            self._process = subprocess.Popen(
                [python, "-I", script, key],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
            )
        except OSError as error:
            self._log.close()
            raise PeerError(f"{key}: {error}") from error
        self._key = key
        self._requests: Any = self._process.stdin  # both are there, being pipes
        self._answers: Any = self._process.stdout
        self.version = self._answer().removeprefix("ready ")

    def run(self, seconds: float) -> tuple[int, float]:
        """Let it work; return the units done and the CPU-seconds of all its threads.

        Args:
            seconds: CPU-seconds, the least it works.

        Raises:
            PeerError: If it has died.
        """
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            print("run", seconds, file=self._requests, flush=True)
        units, spent = self._answer().split()
        return int(units), float(spent)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _answer(self) -> str:
        answer: str = self._answers.readline().strip()
        if not answer:
            status = self._process.wait()
            self._log.seek(0)
            words = self._log.read().strip().splitlines() or ["no message"]
            self.close()
            raise PeerError(f"{self._key} ended with status {status}: {words[-1]}")
        return answer


def install(
    folder: Path, pins: Mapping[str, tuple[str, ...]] = PINS, *, beside_ours: Collection[str] = ()
) -> dict[str, Path]:
    """Create an environment for every peer, or complete those that are there.

    Args:
        folder: Where; about 1 GB per peer.
        pins: Peer -> what to install.
        beside_ours: Peers whose environment also sees the packages of this interpreter, after its
            own; for those that work together with Operant.

    Returns:
        Peer -> its interpreter, also where that failed: the worker will say what is missing.
    """
    pythons = {}
    for peer, wanted in pins.items():
        place = folder.absolute() / peer
        python = place / "bin" / "python"
        print(f"installing {' '.join(wanted)} into {place}", file=sys.stderr)
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=False)
        if peer in beside_ours:
            _show_ours(place)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        subprocess.run([*pip, *wanted], check=False, stdout=sys.stderr)
        pythons[peer] = python
    return pythons


def _show_ours(place: Path) -> None:
    """Let the interpreter of an environment find this one's packages where it has none itself."""
    for folder in place.glob("lib/python*/site-packages"):
        ours = sysconfig.get_path("purelib")
        (folder / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")


@contextlib.contextmanager
def running(
    pythons: Mapping[str, Path],
    script: Path = SCRIPT,
    rows: Sequence[peer_worker.PeerContender] | None = None,
) -> Iterator[tuple[list[Contender], dict[str, str]]]:
    """Start the workers of all peers, and end them.

    Args:
        pythons: Peer -> interpreter.
        script: The program they run.
        rows: What the program can time; None for what :mod:`.peer_worker` can.

    Yields:
        The contenders, and key -> reason for those that cannot be measured.
    """
    contenders, missing = [], {}
    with contextlib.ExitStack() as stack:
        for row in peer_worker.CONTENDERS if rows is None else rows:
            if row.peer not in pythons:
                missing[row.key] = f"no interpreter given for {row.peer}"
                continue
            try:
                worker = Worker(pythons[row.peer], row.key, script)
            except PeerError as error:
                missing[row.key] = str(error)
                continue
            stack.callback(worker.close)
            label = f"{row.label} ({worker.version})"
            contenders.append(Contender(row.key, label, row.unit, worker.run, row.differs))
        yield contenders, missing
