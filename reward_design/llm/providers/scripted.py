"""Texts that a person wrote beforehand: a pool, to prove the machinery of a search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from operant.reward_design.llm.providers.protocol import Completion, Kind, ProviderError, Request

_SUFFIXES = (".md", ".py", ".txt")
_LARGEST = 2**20
"""Bytes of a file; a reply has some thousand."""


class Scripted:
    """Gives out hand-written texts in order, each once, whatever is asked.

    >>> pool = Scripted(["first", "second"])
    >>> [said.text for said in pool.complete(Request(messages=(), n=2))]
    ['first', 'second']
    """

    kind: Kind = "scripted"
    author = "hand-written"

    def __init__(self, texts: Sequence[str] | Path, *, name: str = "") -> None:
        """Take the texts.

        Args:
            texts: The texts, or a folder of ``.txt``, ``.md`` and ``.py`` files, one text each, in
                the order of their names (``01.txt``, ``02.txt``, ...). Hidden files are passed
                over.
            name: What lineages call it after ``"scripted:"``; by default that of the folder.

        Raises:
            ProviderError: If there is no such folder, it holds something else, or no text.
        """
        folder = texts if isinstance(texts, Path) else None
        self._texts = tuple(_read_folder(texts) if isinstance(texts, Path) else texts)
        if not self._texts:
            raise ProviderError("a pool of hand-written texts holds none; write at least one")
        self.name = f"scripted:{name or (folder.name if folder else 'texts')}"
        self._given = 0

    def skip(self, count: int) -> None:
        """Pass over texts that were given out before, by a search that is continued."""
        self._given = min(self._given + count, len(self._texts))

    def complete(self, request: Request) -> Sequence[Completion]:
        """Return the next ``request.n`` texts.

        Raises:
            ProviderError: If there are fewer left; then none is given out.
        """
        left = len(self._texts) - self._given
        if request.n > left:
            raise ProviderError(
                f"{self.name} has {left} of {len(self._texts)} texts left, but {request.n} were "
                "asked for; write more, or ask for fewer candidates or rounds"
            )
        texts = self._texts[self._given : self._given + request.n]
        self._given += request.n
        return [Completion(text=text, model=self.author) for text in texts]


def _read_folder(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise ProviderError(f"there is no folder {str(folder)!r} with hand-written texts")
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return [_read(path) for path in paths]


def _read(path: Path) -> str:
    if not path.is_file() or path.suffix not in _SUFFIXES:
        raise ProviderError(
            f"{path.name!r} in the folder {path.parent.name!r} is no text; it may hold only files "
            f"that end in {', '.join(_SUFFIXES)}: move it elsewhere"
        )
    size = path.stat().st_size
    if size > _LARGEST:
        raise ProviderError(f"{path.name!r} has {size} bytes; a text may have {_LARGEST}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProviderError(
            f"{path.name!r} is not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from None
