"""How reports write figures with their intervals, and what the networks behind them took."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

import numpy as np

from trainer.experiments.report import interval
from trainer.experiments.training import Trained


def over_seeds(values: Sequence[float], digits: int = 2) -> str:
    """Mean and 95 % Student interval: ``5.31 [5.12, 5.50]``; no interval of a single seed."""
    low, high = interval(values)
    told = f" [{low:.{digits}f}, {high:.{digits}f}]" if np.isfinite(low) else ""
    return f"{np.mean(values):.{digits}f}{told}"


def changes(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """By how many per cent ours are above theirs, seed by seed: mean and interval's ends."""
    pairs = zip(ours, theirs, strict=True)
    change = [100 * (a / b - 1) if b else float("nan") for a, b in pairs]
    return [float(np.mean(change)), *interval(change)]


def per_cent(values: Sequence[float]) -> str:
    """A change and the ends of its interval: ``-3.1 % [-5.0, -1.2]``."""
    middle, low, high = values
    return f"{middle:+.1f} %" + (f" [{low:+.1f}, {high:+.1f}]" if np.isfinite(low) else "")


def ran() -> str:
    """The command line of this run, for its report."""
    return "python -m trainer " + shlex.join(sys.argv[1:])


def spent(trained: Sequence[Trained], base: Trained, *, regression: bool = False) -> str:
    """What a report says of the size of its training; ``regression``: f_REG learned too."""
    total = sum(t.seconds for t in [*trained, base]) / 60
    network = base.model.config
    weights = sum(p.numel() for p in base.model.parameters()) / 1e3
    passes = " or ".join(map(str, sorted({t.passes for t in trained})))
    on_gpu = sum(t.device != "cpu" for t in trained)
    where = f", beside a GPU's time for {on_gpu} of {len(trained)} networks" if on_gpu else ""
    return (
        f"Small networks, small budgets: width {network.width:g}, {network.n_landmarks} landmarks, "
        f"{weights:.0f} k weights, {'with' if regression else 'no'} f_REG; all start from one "
        f"network trained on stills for {base.passes} image passes and go on for {passes} each "
        f"({total:.0f} core-minutes in all{where}). The claim is judged at that scale."
    )
