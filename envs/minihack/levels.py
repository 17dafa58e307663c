"""From a des-file to a folder that NLE can play: compiled once, kept on disk, shared by processes.

NLE ships NetHack's own tools: ``lev_comp`` compiles a level, ``dgn_comp`` a dungeon, and ``dlb``
packs the data file ``nhdat``. Here a copy of ``nhdat`` gets our level, and a dungeon whose
first level that is. Where a des-file describes several, the game takes one of them at random.

The folder's name is a hash of all that it is made of, so it never changes once it exists, and
deleting it is safe as long as no game runs on it. It is built beside and then renamed: a process
sees it whole or not at all, and of several that build it at once the first one wins.

Source: the programs' manual pages, which NLE ships as well.
"""

from __future__ import annotations

import atexit
import errno
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from operant.errors import OperantError
from operant.extras import require

nle: Any = require("nle", extra="nethack", minimum="1.3", below="1.4")

TOOLS = Path(nle.nethack.nethack.HACKDIR)
"""Where NLE keeps the compilers and the plain game's ``nhdat``."""
DATA = "nhdat"
LEVEL = "operant"
"""Name of the level in the dungeon; the game allows 8 characters."""
PATIENCE = 60.0
"""Seconds after which a compiler is given up; they take milliseconds."""
MOST = 1 << 20
"""Longest des-file, in characters."""

MOST_LEVELS = 100
"""Of one des-file; the game counts them in one byte."""

_DUNGEON = """
DUNGEON: "The Dungeons of Doom" "D" (9,0)
ALIGNMENT: unaligned
{}
BRANCH: "The Gnomish Mines" @ (2,0)
BRANCH: "Sokoban" @ (3,0) up
BRANCH: "The Quest" @ (4,0) portal
BRANCH: "Fort Ludios" @ (5,0) portal
BRANCH: "Vlad's Tower" @ (6,0) up
BRANCH: "The Elemental Planes" @ (7,0) no_down up
BRANCH: "Gehennom" @ (8,0) no_down
DUNGEON: "Gehennom" "G" (1,0)
DUNGEON: "The Gnomish Mines" "M" (1,0)
DUNGEON: "The Quest" "Q" (1,0)
DUNGEON: "Sokoban" "none" (1,0)
DUNGEON: "Fort Ludios" "K" (1,0)
DUNGEON: "Vlad's Tower" "T" (1,0)
DUNGEON: "The Elemental Planes" "E" (1,0)
LEVEL: "astral" "none" @ (1,0)
"""
"""The game asks for these eight dungeons by name, and for a way to each; none leads anywhere here.
Without an astral plane of their own it would take the main dungeon for the planes. The main dungeon
goes on below our level, or there could be no stairs down."""


class LevelError(OperantError, ValueError):
    """A des-file is no level: what the compiler says, with the line."""


class LevelToolError(OperantError, RuntimeError):
    """A level cannot be compiled on this machine; the message says what to do."""


def des_text(des: str | os.PathLike[str]) -> str:
    """Return the text of a des-file.

    Args:
        des: The text itself, or the path of a file: a ``Path``, or a string of one line that has
            no colon or ends in ``.des``.

    Raises:
        LevelError: If the file cannot be read, or is no text of a level.
    """
    if isinstance(des, str) and "\n" not in des and (":" not in des or des.endswith(".des")):
        des = Path(des or "no file")
    if isinstance(des, os.PathLike):
        try:
            text = Path(des).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LevelError(
                f"des must be the text of a level or the path of a des-file; {os.fspath(des)!r} "
                f"cannot be read: {getattr(error, 'strerror', None) or error}"
            ) from None
    elif isinstance(des, str):
        text = des
    else:
        raise LevelError(f"des must be the text of a level or the path of a des-file, got {des!r}")
    text = text.replace("\r\n", "\n")
    if not text.isascii() or len(text) > MOST:
        raise LevelError(f"a des-file must be ASCII of at most {MOST} characters")
    names = _names(text)
    good = all(re.fullmatch(r"[\w-]{1,64}", name) for name in names)
    if not good or not 1 <= len(names) <= MOST_LEVELS or len(set(names)) < len(names):
        raise LevelError(
            f'a des-file must describe 1 to {MOST_LEVELS} levels, each begun by LEVEL:"name" or '
            f'MAZE:"name",filling, with different names of letters, digits, _ and -; the names '
            f"in this one: {', '.join(map(repr, names[:20])) or 'none'}"
        )
    return text if text.endswith("\n") else text + "\n"


def _names(text: str) -> list[str]:
    return re.findall(r'^\s*(?:LEVEL|MAZE)\s*:\s*"([^"\n]*)"', text, re.MULTILINE)


def hackdir(des: str | os.PathLike[str]) -> Path:
    """Return a folder whose ``nhdat`` holds a dungeon that begins with a level.

    Args:
        des: As for :func:`des_text`.

    Raises:
        LevelError: If it does not compile; the message has the compiler's words and the line.
        LevelToolError: If a compiler is missing or may not run, or there is no place to write.
    """
    text = des_text(des)
    digest = hashlib.sha256(b"\0".join([_DUNGEON.encode(), _base_digest(), text.encode()]))
    name = digest.hexdigest()[:24]
    for folder in (_cache, _own_folder):
        try:
            parent = folder()
            place = parent / name
            if not (place / DATA).is_file():
                parent.mkdir(parents=True, exist_ok=True)
                _build(text, place)
            return place
        except OSError as error:  # full or read-only: the next place may do
            problem = error
    raise LevelToolError(
        f"there is no place for a compiled level: {problem.strerror} ({problem.filename}). Free "
        "some space, or let XDG_CACHE_HOME or TMPDIR name a folder where one can write"
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "operant" / "hack_levels"


@functools.cache
def _own_folder() -> Path:
    """Return a folder of this process alone, which goes when Python ends."""
    made = tempfile.mkdtemp(prefix="operant-levels-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@functools.cache
def _base_digest() -> bytes:
    return hashlib.sha256((TOOLS / DATA).read_bytes()).digest()


def _build(text: str, place: Path) -> None:
    """Build a folder beside its place and put it there whole."""
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=place.parent))
    try:
        _compile(text, work)
        made = work / "made"
        made.mkdir()
        (work / DATA).rename(made / DATA)
        made.chmod(0o755)
        try:
            made.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not (place / DATA).is_file():
                raise  # otherwise another process was faster
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(text: str, work: Path) -> None:
    """Leave an ``nhdat`` with the level in a folder."""
    parts = work / "parts"
    parts.mkdir()
    (work / "level.des").write_text(text)
    done = _run("lev_comp", ["../level.des"], parts)
    said = " ".join((done.stdout + done.stderr).split())
    names = _names(text)
    if done.returncode or len(list(parts.glob("*.lev"))) != len(names):
        _raise_if_full(said, work)
        raise LevelError("the des-file does not compile: " + _readable(said, text))
    compiled = parts.rename(work / "compiled")
    parts.mkdir()
    _checked(_run("dlb", ["xf", str(TOOLS / DATA)], parts), work)
    for level in parts.glob("*.lev"):  # of the plain game: no dungeon leads there
        level.unlink()
    several = len(names) > 1
    for number, name in enumerate(names, 1):
        numbered = f"{LEVEL}-{number}" if several else LEVEL
        (compiled / f"{name}.lev").rename(parts / f"{numbered}.lev")
    entry = f'LEVEL: "{LEVEL}" "none" @ (1,0)'
    source = parts / "dungeon.pdf"  # dgn_comp takes no other ending
    source.write_text(_DUNGEON.format(f"RND{entry} {len(names)}" if several else entry))
    _checked(_run("dgn_comp", [source.name], parts), work)
    source.unlink()
    files = sorted(path.name for path in parts.iterdir())
    _checked(_run("dlb", ["cf", f"../{DATA}", *files], parts), work)


def _run(tool: str, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of NLE's tools in a folder."""
    path = TOOLS / tool
    again = "install nle anew: pip install --force-reinstall 'nle>=1.3,<1.4'"
    try:
        return subprocess.run(
            [path, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise LevelToolError(f"nle's {tool} is missing ({path}); {again}") from None
    except PermissionError:
        raise LevelToolError(f"{path} may not run; chmod +x it, or {again}") from None
    except subprocess.TimeoutExpired:
        raise LevelError(
            f"{tool} did not finish within {PATIENCE:g} s; simplify the level"
        ) from None
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        raise LevelToolError(f"{path} is no program for this machine; {again}") from None


def _checked(done: subprocess.CompletedProcess[str], work: Path) -> None:
    """Complain about a tool that failed on files of our own."""
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).split()) or f"exit status {done.returncode}"
        _raise_if_full(said, work)
        raise LevelToolError(f"nle's {Path(done.args[0]).name} failed: {said}")


def _raise_if_full(said: str, work: Path) -> None:
    if "space left" in said or shutil.disk_usage(work).free < 4 << 20:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work.parent))


def _readable(said: str, text: str) -> str:
    """Return a compiler's words with the line that they speak of."""
    said = said.replace("../level.des: ", "")
    found = re.search(r"line (\d+)", said)
    lines = text.splitlines()
    if found and 1 <= int(found[1]) <= len(lines):
        return f"{said}; that line is {lines[int(found[1]) - 1].strip()!r}"
    return said or "lev_comp says nothing"
