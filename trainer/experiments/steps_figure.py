"""The plot of ``experiments steps``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(rows: list[dict[str, Any]], reasons: dict[str, dict[str, Any]], model: str) -> Figure:
    """Errors over steps by yaw, of small networks, and by what step 2 is fed."""
    from matplotlib.figure import Figure

    plot = Figure(figsize=(13, 4), layout="constrained")
    left, middle, right = plot.subplots(1, 3)
    own = [r for r in rows if r["network"] == model]
    last = own[-1]["set"]
    colours: dict[str, str] = {}
    for row in own:
        if row["set"] == last:
            colour = colours.setdefault(row["yaw"], f"C{len(colours)}")
            mean = row["start"] == "mean shape"
            left.plot(
                range(1, len(row["steps"]) + 1), row["steps"], "o-" if mean else "x:",
                color=colour, label=row["yaw"] if mean else None,
            )  # fmt: skip
    left.set_title(f"{model}, {last}; dotted: bad starts", fontsize=9)
    others = [r for r in rows if r["network"] != model and r["yaw"] == "all"]
    for number, row in enumerate(r for r in others if r["set"] == others[0]["set"]):
        middle.plot(
            range(1, len(row["steps"]) + 1), row["steps"], "x:" if row["start"] == "bad" else "o-",
            color=f"C{number}", label=f"{row['network']}; {row['start']}",
        )  # fmt: skip
    if others:
        middle.set_title(f"trained here, {others[0]['set']}; label: network; start", fontsize=9)
        middle.legend(fontsize=7)
    for axis in (left, middle):
        axis.set_xticks([1, 2, 3, 4])
        axis.set_xlabel("spatial step")
        axis.set_ylabel("error, % of frontal interocular")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    left.legend(fontsize=8)
    fed = list(reasons[model]["errors"])
    height = 0.8 / len(reasons)
    for number, (name, reason) in enumerate(reasons.items()):
        at = [i - number * height for i in range(len(fed))]
        right.barh(at, [reason["errors"][f] for f in fed], height, label=name)
    right.set_yticks(range(len(fed)), fed, fontsize=8)
    right.set_xlabel("NME of step 2 by what it is fed, %")
    right.legend(fontsize=7)
    right.grid(axis="x", alpha=0.3)
    return plot
