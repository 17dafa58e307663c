"""Compiling des-files: what comes out, what is kept, and what is said when it goes wrong."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

pytest.importorskip("nle")

from operant.envs.minihack import levels
from operant.envs.minihack.levels import LevelError, LevelToolError, des_text, hackdir
from operant.envs.minihack.texts import room

DES = room(3, random=False, lit=True, monsters=0, traps=0)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "operant" / "hack_levels"


def test_a_level_is_compiled_once_and_kept(cache, monkeypatch) -> None:
    place = hackdir(DES)
    assert place.parent == cache
    assert os.listdir(place) == ["nhdat"]
    monkeypatch.setattr(levels, "_compile", None)
    assert hackdir(DES) == place  # or calling None fails
    assert hackdir(DES.replace("\n", "\r\n")) == place
    assert os.listdir(cache) == [place.name]  # nothing is left of the building


def test_another_text_is_another_folder(cache) -> None:
    other = DES.replace("(3,3),down", "(2,3),down")
    assert other != DES
    assert hackdir(other) != hackdir(DES)


def test_a_path_is_read(cache, tmp_path) -> None:
    file = tmp_path / "my.des"
    file.write_text(DES)
    assert hackdir(file) == hackdir(str(file)) == hackdir(DES)


def test_several_levels_are_one_dungeon(cache) -> None:
    with pytest.raises(LevelError, match="different names"):
        hackdir(DES + DES)
    both = DES + DES.replace('"level"', '"other"')
    assert len((hackdir(both) / "nhdat").read_bytes()) > len((hackdir(DES) / "nhdat").read_bytes())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('LEVEL:"a"\nROM:"x"\n', r'line 2.*syntax error.*that line is \'ROM:"x"\''),
        (DES + "OBJECT:('(',\"no such thing\"),(1,1)\n", r"line \d+.*Unknown object.*no such"),
        (DES.replace("|...|", "|.%.|", 1), r"line \d+"),
        ("", "cannot be read"),
        ("\n", "names in this one: none"),
        ('LEVEL:"../../evil"\nROOM:"ordinary",lit,random,random,random { }\n', "evil"),
        (DES + "# \xe9\n", "ASCII"),
        ("no_such_file.des", "No such file"),
        (3, "got 3"),
    ],
)
def test_a_broken_level_gives_one_clear_error(cache, text, said) -> None:
    with pytest.raises(LevelError, match=said) as caught:
        hackdir(text)
    assert "\n" not in str(caught.value)
    assert not cache.exists() or not os.listdir(cache)


def test_a_folder_is_no_des_file(tmp_path) -> None:
    with pytest.raises(LevelError, match="directory"):
        des_text(tmp_path)


@pytest.fixture
def tools(tmp_path, monkeypatch, cache) -> Path:
    """Copies of NLE's tools that can be spoiled."""
    place = tmp_path / "tools"
    place.mkdir()
    for name in ("lev_comp", "dgn_comp", "dlb", "nhdat"):
        (place / name).write_bytes((levels.TOOLS / name).read_bytes())
        (place / name).chmod(0o755)
    monkeypatch.setattr(levels, "TOOLS", place)
    return place


@pytest.mark.parametrize("tool", ["lev_comp", "dgn_comp", "dlb"])
def test_a_missing_compiler_says_what_to_install(tools, tool) -> None:
    (tools / tool).unlink()
    with pytest.raises(LevelToolError, match=f"{tool} is missing.*pip install"):
        hackdir(DES)


def test_a_compiler_that_may_not_run_says_so(tools) -> None:
    (tools / "lev_comp").chmod(stat.S_IRUSR)
    with pytest.raises(LevelToolError, match=r"chmod \+x"):
        hackdir(DES)


def test_a_compiler_of_another_machine_is_named(tools) -> None:
    (tools / "lev_comp").write_bytes(b"\x00\x01 no program")
    with pytest.raises(LevelToolError, match="no program for this machine"):
        hackdir(DES)


def test_a_failing_packer_is_quoted(tools) -> None:
    (tools / "dlb").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    with pytest.raises(LevelToolError, match="dlb failed: broken"):
        hackdir(DES)


def test_without_a_cache_a_temporary_folder_does(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # no folder: nothing goes there
    place = hackdir(DES)
    assert (place / "nhdat").is_file()
    assert tmp_path not in place.parents
    assert hackdir(DES) == place


def test_a_full_disk_gives_one_instruction(cache, monkeypatch) -> None:
    def full(*_):
        raise OSError(28, "No space left on device", "nhdat")

    monkeypatch.setattr(levels, "_compile", full)
    with pytest.raises(LevelToolError, match=r"No space left.*Free some space.*XDG_CACHE_HOME"):
        hackdir(DES.replace("(3,3),down", "(2,1),down"))


def _build(cache: str, results) -> None:
    os.environ["XDG_CACHE_HOME"] = cache
    results.put(str(hackdir(DES)))


@pytest.mark.integration
def test_many_processes_build_one_folder(tmp_path) -> None:
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [spawn.Process(target=_build, args=(str(tmp_path), results)) for _ in range(4)]
    for process in processes:
        process.start()
    places = {results.get(timeout=120) for _ in processes}
    for process in processes:
        process.join()
    assert len(places) == 1
    assert os.listdir(tmp_path / "operant" / "hack_levels") == [Path(places.pop()).name]
