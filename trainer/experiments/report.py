"""What an experiment says: a table, a plot, and what follows, in docs/results.md."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.errors import RedError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Report:
    """One experiment's result.

    Attributes
    ----------
    name : the command's word, and the name of its files
    title : heading, with the paper's figure or table
    question : the paper's claim in one or two sentences
    answer : whether it holds here, and the reason where it doesn't
    columns, rows : the table; cells are text
    notes : sets, protocol, normaliser, seeds, budget: what a reader needs to judge it
    command : what made it
    values : every figure behind the table, as JSON values
    figure : the plot
    """

    name: str
    title: str
    question: str
    answer: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    command: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    figure: Figure | None = None

    def markdown(self, picture: str | None) -> str:
        """The section for docs/results.md."""
        lines = [f"## {self.title}", "", self.question, "", f"**{self.answer}**", ""]
        lines += [_row(self.columns), _row(["---"] * len(self.columns))]
        lines += [_row(row) for row in self.rows]
        if picture:
            lines += ["", f"![{self.title}]({picture})"]
        lines += ["", *(f"- {note}" for note in self.notes)]
        if self.command:
            lines += ["", f"`{self.command}`"]
        return "\n".join(lines) + "\n"


def write_report(report: Report, docs: str | Path) -> Path:
    """Put a report into ``docs/results.md``, in place of its last version.

    The plot goes to ``docs/images/results_NAME.png``, the figures to
    ``docs/results/NAME.json``.

    Raises
    ------
    RedError
        If a file can't be written.
    """
    docs = Path(docs)
    page = docs / "results.md"
    picture = docs / "images" / f"results_{report.name}.png"
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        (docs / "results").mkdir(exist_ok=True)
        if report.figure is not None:
            report.figure.savefig(picture, dpi=80)
        link = f"images/{picture.name}" if report.figure is not None else None
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        page.write_text(_placed(text, report.name, report.markdown(link)), encoding="utf-8")
        values = {"command": report.command, **report.values}
        (docs / "results" / f"{report.name}.json").write_text(
            json.dumps(values, indent=1) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise RedError(
            f"{docs}: the report can't be written ({error.strerror}); choose another --docs folder"
        ) from error
    return page


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Student's interval of a mean over few seeds; (nan, nan) of a single one."""
    from scipy.stats import t

    data = np.asarray(values, float)
    if len(data) < 2:
        return float("nan"), float("nan")
    half = t.ppf((1 + level) / 2, len(data) - 1) * data.std(ddof=1) / np.sqrt(len(data))
    return float(data.mean() - half), float(data.mean() + half)


def _placed(text: str, name: str, section: str) -> str:
    block = f"<!-- {name} -->\n{section}<!-- /{name} -->\n"
    pattern = re.compile(rf"<!-- {re.escape(name)} -->.*?<!-- /{re.escape(name)} -->\n", re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: block, text)
    return f"{text.rstrip()}\n\n{block}" if text.strip() else block


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
