"""Training curves: a CSV that grows, and a plot of it."""

from __future__ import annotations

import csv
from pathlib import Path

COLUMNS = (
    "stage", "step", "loss", "response", "distance", "regression", "identity", "learning_rate",
    "nme_step1", "nme_step2", "nme_step3", "nme_regression",
)  # fmt: skip


class CurveLog:
    """``curves.csv`` and ``curves.png`` of a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "curves.csv"
        self.picture = folder / "curves.png"

    def add(self, stage: int, step: int, values: dict[str, float]) -> None:
        """Append one row; values without a column of their own are left out."""
        fresh = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            if fresh:
                writer.writeheader()
            rounded = {key: f"{value:.6g}" for key, value in values.items()}
            writer.writerow({"stage": stage, "step": step, **rounded})

    def rows(self) -> list[dict[str, str]]:
        """All rows as text."""
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def position(self) -> int:
        """Length of the CSV in bytes, to go back to when a run resumes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def rewind(self, position: int) -> None:
        """Drop the rows written after a checkpoint; they will be computed again."""
        if self.path.exists():
            with self.path.open("r+b") as file:
                file.truncate(position)

    def last_validation(self) -> dict[str, float]:
        """The newest validation errors, in per cent."""
        for row in reversed(self.rows()):
            found = {k: float(v) for k, v in row.items() if k.startswith("nme_") and v}
            if found:
                return found
        return {}

    def plot(self) -> None:
        """Draw the curves over all updates of all stages."""
        from matplotlib.figure import Figure

        rows = self.rows()
        if not rows:
            return
        figure = Figure(figsize=(10, 7))
        top, bottom = figure.subplots(2, 1)
        figure.subplots_adjust(left=0.1, right=0.98, top=0.98, bottom=0.08, hspace=0.1)
        at, offset, last = [], 0, 0
        stage = rows[0]["stage"]
        for row in rows:
            if row["stage"] != stage:
                stage, offset = row["stage"], offset + last
                top.axvline(offset, color="0.8")
                bottom.axvline(offset, color="0.8")
            last = int(row["step"])
            at.append(offset + last)
        for axis, names in ((top, COLUMNS[2:7]), (bottom, COLUMNS[8:])):
            for name in names:
                points = [(x, float(r[name])) for x, r in zip(at, rows, strict=True) if r[name]]
                if points:
                    axis.plot(*zip(*points, strict=True), marker=".", label=name)
            if axis.get_legend_handles_labels()[0]:
                axis.legend()
            axis.grid(alpha=0.3)
        top.set(yscale="log", ylabel="loss")
        bottom.set(ylabel="validation NME, % of interocular", xlabel="update")
        figure.savefig(self.picture, dpi=80)
