"""What the documents promise is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from make_videos import first_frames

from napari_red.core.sample import sample_path

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    local = [link for link in links if not link.startswith(("http://", "https://", "mailto:"))]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_within_a_line_ends_in_it(page: Path) -> None:
    prose = re.sub(r"(?ms)^```.*?^```", "", page.read_text("utf-8"))
    paragraphs = re.split(r"\n\s*\n", prose)
    assert [text for text in paragraphs if text.count("`") % 2] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "results").iterdir()), ids=lambda p: p.name
)
def test_results_beside_the_tables_can_be_read(path: Path) -> None:
    assert json.loads(path.read_text("utf-8"))["command"].startswith("python -m trainer ")


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", (ROOT / "README.md").read_text("utf-8")))
    assert {"demo", "test", "gui", "bench"} <= named <= targets


@pytest.mark.slow
def test_readmes_scripts_run_one_after_the_other(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    scripts = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert scripts
    first_frames(sample_path(), tmp_path / "talk.mp4", 20)
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(scripts)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
