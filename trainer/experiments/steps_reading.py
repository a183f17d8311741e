"""What the figures of ``experiments steps`` say, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Row = dict[str, Any]


@dataclass
class Verdict:
    """What the given model's rows say of the claim."""

    text: str
    holds: bool


def verdict(rows: list[Row], model: str) -> Verdict:
    """Whether the error falls from step 1 to 3, more at large yaw, and hardly afterwards."""
    own = [r for r in rows if r["network"] == model and r["start"] == "mean shape"]
    parts, holds = [], True
    for name in dict.fromkeys(r["set"] for r in own):
        of_set = [r for r in own if r["set"] == name]
        total, near, far = of_set[-1], of_set[0], of_set[-2] if len(of_set) > 1 else of_set[-1]
        falls = total["gain"][1] > 0 and far["gain"][0] > near["gain"][0]
        holds = holds and falls
        parts.append(
            f"{name}: {gain_text(near['gain'])} at {near['yaw']}, {gain_text(far['gain'])} at "
            f"{far['yaw']}, {gain_text(total['gain'])} over all; step 4 "
            f"{gain_text(total['gain_4'])}"
        )
    head = "Holds" if holds else "Doesn't hold"
    return Verdict(f"{head} for {model} (gain of step 3 over step 1): {'; '.join(parts)}.", holds)


def reading(reasons: dict[str, Row], model: str, informed: str) -> str:
    """What follows from feeding step 2 with other things, in a few sentences.

    ``informed`` is the name of the network that was told the truth.
    """
    own = reasons[model]
    use = 100 * own["follows"]
    told = (
        f"Step 2 goes along with {use:.0f} % of a shift of its label map and gains "
        f"{100 * (1 - own['errors']['the truth'] / own['errors']['own answer']):.1f} % from being "
        "fed the truth"
    )
    if use > 10:
        return f"{told}."
    able = reasons.get(informed)
    parts = [f"{told}: it hardly looks at it."]
    others = [r for name, r in reasons.items() if name not in (model, informed)]
    if others and max(r["follows"] for r in others) < 0.1:
        times = max(r["layer"]["next"] for r in others) / max(own["layer"]["next"], 1e-9)
        parts.append(
            "Training with all steps alike, from far starts or from an empty first map doesn't "
            f"change that, nor do labels {times:.0f} times as far apart in the first layer."
        )
    if able is not None and able["follows"] > 0.3:
        parts.append(
            "It isn't too faint: a network that was told the truth in half of its training goes "
            f"along with {100 * able['follows']:.0f} % of the shift. What a step's own answer "
            "tells is in the picture already, so nothing rewards reading it."
        )
    return " ".join(parts)


def gain_text(values: list[float]) -> str:
    """A gain and its interval: ``3.1 % [1.2, 5.0]``."""
    middle, low, high = values
    return f"{middle:.1f} %" + (f" [{low:.1f}, {high:.1f}]" if np.isfinite(low) else "")
