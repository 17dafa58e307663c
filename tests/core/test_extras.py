"""Optional packages, real and made up: one line that says what to do, whatever is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operant.errors import MissingExtraError, OperantError, WrongVersionError
from operant.extras import require


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that installs a distribution of one module."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(name: str, version: str, code: str = "") -> None:
        (tmp_path / f"{name}.py").write_text(code or "VALUE = 5\n")
        metadata = tmp_path / f"{name}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        monkeypatch.delitem(sys.modules, name, raising=False)

    return put


def one_line(error: OperantError) -> str:
    """Return the message, which must be of one line and end with the command."""
    text = str(error)
    assert "\n" not in text
    assert text.endswith("-c constraints.txt")
    return text


def test_what_is_there_is_imported(install) -> None:
    install("madeup_one", "1.3.0")
    assert require("madeup_one", extra="nethack", minimum="1.3", below="1.4").VALUE == 5
    assert require("madeup_one", extra="nethack").VALUE == 5


def test_what_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require("madeup_none", extra="nethack", minimum="1.3")
    assert (caught.value.package, caught.value.extra) == ("madeup_none", "nethack")
    text = one_line(caught.value)
    assert text.startswith("'madeup_none' is not installed; run: pip install 'operant[nethack]'")


@pytest.mark.parametrize(
    ("version", "fits"),
    [("1.2.9", False), ("1.3", True), ("1.3.0rc1", True), ("1.10", True), ("2.0", False)],
)
def test_versions_are_compared_as_numbers(install, version: str, fits: bool) -> None:
    install("madeup_two", version)
    if fits:
        assert require("madeup_two", extra="nethack", minimum="1.3", below="2").VALUE == 5
        return
    with pytest.raises(WrongVersionError) as caught:
        require("madeup_two", extra="nethack", minimum="1.3", below="2")
    text = one_line(caught.value)
    assert text.startswith(f"madeup_two {version} does not work here: >=1.3,<2 does; run: pip")


@pytest.mark.parametrize(
    ("bounds", "wanted"),
    [({"minimum": "4"}, ">=4"), ({"below": "1"}, "<1"), ({"minimum": "3", "below": "4"}, ">=3,<4")],
)
def test_a_version_outside_says_what_is_wanted(install, bounds, wanted: str) -> None:
    install("madeup_three", "1.9")
    with pytest.raises(WrongVersionError, match=f"1.9 does not work here: {wanted} does"):
        require("madeup_three", extra="mujoco", **bounds)


def test_an_old_version_is_refused_before_any_of_its_code_runs(install) -> None:
    install("madeup_old", "0.9", "raise RuntimeError('must not run')\n")
    with pytest.raises(WrongVersionError):
        require("madeup_old", extra="nethack", minimum="1.3")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from gymnasium import no_such_name\n", "cannot import name 'no_such_name'"),
        ("import gymnasium\ngymnasium.no_such_name\n", "no attribute 'no_such_name'"),
        ("raise OSError('libmadeup.so: cannot open\\nshared object file')\n", "open shared object"),
    ],
)
def test_one_that_does_not_fit_what_it_needs_says_so(install, code: str, said: str) -> None:
    """As NLE does with another gymnasium than it was made for, or MuJoCo without its library."""
    install("madeup_unfit", "1.3.0", code)
    with pytest.raises(WrongVersionError, match=said) as caught:
        require("madeup_unfit", extra="nethack", minimum="1.3", below="1.4")
    assert one_line(caught.value).startswith("madeup_unfit 1.3.0 does not work here (")
    assert caught.value.extra == "nethack"


def test_what_it_lacks_itself_is_named(install) -> None:
    install("madeup_lacks", "1.3.0", "import madeup_dependency\n")
    with pytest.raises(MissingExtraError, match=r"^'madeup_dependency' is not installed"):
        require("madeup_lacks", extra="nethack")


def test_a_mistake_of_its_own_is_not_hidden(install) -> None:
    install("madeup_broken", "1.3.0", "1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        require("madeup_broken", extra="nethack")
