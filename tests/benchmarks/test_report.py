"""The page: one file, no requests, all numbers there, foreign labels harmless."""

from __future__ import annotations

import html.parser
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from operant.benchmarks.leaderboard import Leaderboard, build_leaderboard
from operant.benchmarks.records import EvalTable, References, RunRecord
from operant.benchmarks.report import text, write_report
from operant.benchmarks.report.theme import DARK, LIGHT, THEMES

HOSTILE = '<script>alert("1")</script>|<img src=x onerror=y>'
REFERENCE_KEYS = (
    "true_return",
    "designed_return",
    "discounted_true_return",
    "discounted_designed_return",
    "success",
    "length",
)
FINAL = {"none": 0.0, "potential": 1.0, "count": 0.9, "naive": 0.3}


def gif() -> bytes:
    frames = [Image.new("P", (8, 8), colour) for colour in range(2)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def run(design: str, seed: int, *, oracle: bool = True, label: str = "") -> RunRecord:
    steps, episodes = np.linspace(0, 60_000, 4).astype(np.int64), 10
    rates = np.linspace(0.0, FINAL[design], 4)
    success = (np.arange(episodes) < np.round(rates * episodes)[:, None]).ravel()
    true = success.astype(np.float64)
    designed = true + (np.repeat(steps, episodes) / 10_000 + seed / 10) * (design == "naive")
    scores = dict.fromkeys(REFERENCE_KEYS, 1.0)
    return RunRecord(
        run_id=f"id-{design}-{seed}",
        suite="unit",
        env_id="SparseKey-6x6-v0",
        design=label or design,
        agent="ppo",
        seed=seed,
        total_steps=60_000,
        evals=EvalTable(
            step=np.repeat(steps, episodes),
            episode=np.tile(np.arange(episodes), 4),
            true_return=true,
            designed_return=designed,
            discounted_true_return=true,
            discounted_designed_return=designed,
            length=np.full(len(true), 9),
            success=success,
        ),
        references=References(
            random=dict.fromkeys(REFERENCE_KEYS, 0.0), oracle=scores if oracle else None
        ),
        manifest={
            "command": f"operant bench run --design {design}",
            "versions": {"numpy": "2.4.6"},
            "origin": "https://example.org/repo",
            "wall_s": 125.0,
        },
        gif=gif() if oracle and seed == 0 else None,
    )


@pytest.fixture(scope="module")
def board() -> Leaderboard:
    return build_leaderboard([run(design, seed) for design in FINAL for seed in range(5)])


@pytest.fixture(scope="module")
def written(board: Leaderboard, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("report") / "new"
    return write_report(board, folder, title="Four designs", problems=["run x: checksum differs"])


@pytest.fixture(scope="module")
def page(written: tuple[Path, Path]) -> str:
    return written[0].read_text(encoding="utf-8")


class Elements(html.parser.HTMLParser):
    """Collects tags with their attributes, and checks that they nest."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_files_are_complete_and_leave_no_temporaries(written: tuple[Path, Path]) -> None:
    assert [path.name for path in written] == ["leaderboard.html", "leaderboard.md"]
    assert {path.name for path in written[0].parent.iterdir()} == {path.name for path in written}
    assert written[0].stat().st_size < 3_000_000


@pytest.mark.integration
def test_failed_write_keeps_the_old_report(
    board: Leaderboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaderboard.html").write_text("old")

    def full_disk(handle: int) -> None:
        raise OSError(f"no space left on device: {handle}")

    monkeypatch.setattr("operant.benchmarks.report.write.os.fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_report(board, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["leaderboard.html"]
    assert (tmp_path / "leaderboard.html").read_text() == "old"


def test_page_requests_nothing(page: str) -> None:
    for tag, attributes in Elements(page).found:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:", "#")), (tag, name, target)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", page)
    # the only address on the page is the provenance text it was given
    assert set(re.findall(r"\w+://[^\s<\"']+", page)) == {"https://example.org/repo"}


def test_page_nests_and_its_anchors_exist(page: str) -> None:
    elements = Elements(page)
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {attributes["href"] for attributes in elements.all("a")}
    assert len(anchors) == 4
    assert anchors <= {f"#{name}" for name in ids}


def test_every_chart_is_drawn_in_both_themes_with_a_description(page: str) -> None:
    images = [a for a in Elements(page).all("div") if a.get("role") == "img"]
    assert len(images) == 2 * (3 + 2 * 4)
    assert all(image["aria-label"] for image in images)
    assert page.count("<svg") == len(images)
    for theme in THEMES:
        assert sum(image["class"] == f"theme-{theme.name}" for image in images) == len(images) // 2
        assert theme.series[0] in page


def test_animations_are_embedded_and_described(page: str) -> None:
    images = Elements(page).all("img")
    assert len(images) == 4
    for image in images:
        assert (image["src"] or "").startswith("data:image/gif;base64,R0lGOD")
        assert "final policy" in (image["alt"] or "")


def test_table_can_be_sorted_by_keyboard(page: str) -> None:
    heads = [a for a in Elements(page).all("th") if a.get("scope") == "col"]
    assert [head["aria-sort"] for head in heads] == ["ascending", *["none"] * (len(heads) - 1)]
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    cells = [a for tag, a in Elements(body).found if tag in ("td", "th")]
    assert len(cells) == 4 * len(heads)
    assert all("data-sort" in cell for cell in cells)
    assert page.count('<button type="button" title="') == len(heads)  # buttons take the focus


def test_numbers_flags_and_problems_are_on_the_page(page: str) -> None:
    assert page.count('<span class="badge bad">hacked</span>') == 2  # in the table and on the card
    assert "naive is hacked: gap +6" in page
    assert "operant bench run --design naive" in page
    assert "run x: checksum differs" in page
    assert "versions.numpy" in page
    assert "2 min 05 s" in page
    assert "&gt; 60k" in page


def test_markdown_has_the_same_rows(written: tuple[Path, Path]) -> None:
    lines = written[1].read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ")][2:]
    assert [row.split(" | ")[1] for row in rows] == ["potential", "count", "naive", "none"]
    assert len({row.count(" | ") for row in rows}) == 1
    assert "HACKED +6" in rows[2]
    assert "- run x: checksum differs" in lines
    assert "# Four designs" in lines


def test_foreign_labels_are_harmless_and_gaps_in_the_data_are_shown(tmp_path: Path) -> None:
    board = build_leaderboard(
        [run("count", 0, oracle=False, label=HOSTILE), run("none", 0, oracle=False)]
    )
    page, markdown = write_report(board, tmp_path, title=HOSTILE, problems=[HOSTILE])
    elements = Elements(page.read_text(encoding="utf-8"))
    assert len(elements.all("script")) == 2
    assert elements.all("img") == []
    assert "no oracle is known" in page.read_text(encoding="utf-8")
    rows = [line for line in markdown.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    # an escaped bar inside a label does not start a new cell
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {14}
    assert not re.search(r"(?<!\\)<", markdown.read_text(encoding="utf-8"))


def test_empty_results_still_make_a_page(tmp_path: Path) -> None:
    page, _ = write_report(build_leaderboard([]), tmp_path)
    assert "No finished run was found." in page.read_text(encoding="utf-8")


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        code = colour.lstrip("#")
        code = "".join(c * 2 for c in code) if len(code) == 3 else code
        channels = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_colours_have_contrast_on_the_page(page: str, theme: object) -> None:
    assert theme in (LIGHT, DARK)
    # the first block of variables is the light theme, the next one the dark theme
    block = re.findall(r"color-scheme:(?:light|dark);[^}]*", page)[THEMES.index(theme)]
    colours = dict(re.findall(r"--([\w-]+):(#\w+);", block))
    for background in (colours["card"], colours["page"]):
        for name in ("ink", "soft", "link"):
            assert contrast(colours[name], background) >= 4.5, name
        for paint in (theme.baseline, *theme.series, theme.warn):
            assert contrast(paint, background) >= 3.0, paint
        assert contrast(theme.text, background) >= 4.5
    for name in ("bad", "good", "fair"):
        assert contrast(colours[name], colours[f"{name}-bg"]) >= 4.5, name
    assert contrast(colours["soft"], colours["dim-bg"]) >= 4.5


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.percent(0.0), "0 %"),
        (text.percent(0.004), "0.4 %"),
        (text.percent(0.998), "99.8 %"),
        (text.number(1234.5), "1234"),
        (text.number(-0.25), f"{text.MINUS}0.25"),
        (text.number(-0.0), "0"),
        (text.signed(-0.5), f"{text.MINUS}0.50"),
        (text.seconds(59.9), "1 min 00 s"),
        (text.seconds(None), text.MISSING),
        (text.steps(1_000_000), "1M"),
    ],
)
def test_number_formats(shown: str, expected: str) -> None:
    assert shown == expected
