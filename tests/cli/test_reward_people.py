from __future__ import annotations

import re
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

from operant.cli import output, reward_people


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that pages were served at; no browser is opened."""
    served: list[str] = []

    def told(text: str, **_: object) -> None:
        served.append(re.search(r"http://\S+", text)[0])  # type: ignore[index]

    monkeypatch.setattr(reward_people.webbrowser, "open", lambda _: True)
    monkeypatch.setattr(output.console, "print", told)
    return served


def asked(*args: object) -> tuple[threading.Thread, list[str]]:
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(reward_people.ask_page(*args)))  # type: ignore[arg-type]
    thread.start()
    return thread, answers


def wait(address: list[str]) -> str:
    for _ in range(500):
        if address:
            return address[0]
        threading.Event().wait(0.01)
    raise AssertionError("no page was served")


def post(url: str, said: str) -> int:
    body = urllib.parse.urlencode({"said": said}).encode()
    try:
        return urllib.request.urlopen(url, body, timeout=10).status  # type: ignore[no-any-return]
    except urllib.error.HTTPError as error:
        code = error.code
        error.close()
        return code


def test_a_page_shows_pictures_and_takes_an_answer(address: list[str]) -> None:
    thread, answers = asked("Which <b>?", "<p>two</p>", [b"GIF1", b"GIF2"], ("1", "2"))
    url = wait(address)
    with urllib.request.urlopen(url, timeout=10) as page:
        text = page.read().decode()
    assert "Which &lt;b&gt;?" in text
    assert "<p>two</p>" in text
    with urllib.request.urlopen(url + "2.gif", timeout=10) as picture:
        assert picture.read() == b"GIF2"
    assert post(url, "3") == 400  # not allowed
    assert post(url.rsplit("/", 2)[0] + "/", "1") == 400  # without the secret
    assert thread.is_alive()
    assert post(url, "2") == 200
    thread.join(10)
    assert answers == ["2"]


def test_other_paths_are_not_found(address: list[str]) -> None:
    thread, _ = asked("?", "", [b"GIF1"])
    url = wait(address)
    for path in (url + "3.gif", url + "../x", url.rsplit("/", 2)[0] + "/1.gif"):
        with pytest.raises(urllib.error.HTTPError) as found:
            urllib.request.urlopen(path, timeout=10)
        found.value.close()
        assert found.value.code == 404
    post(url, "")
    thread.join(10)
