"""The queue's part of docs/results.md: what was found, beside what, and what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.experiments.aligned_heads import LOST
from trainer.experiments.ranked import BESIDE, EARLY, PART, TARGET, Frames, found, orders
from trainer.experiments.report import Report
from trainer.ranking import GAP

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    "queue": "queue",
    "confidence, near-duplicates left out": "low confidence alone, under the queue's rules",
    "ranking": "pure ranking: expected error, no frame left out",
    "confidence": "low confidence alone, no frame left out",
    "evenly": "evenly",
    "chance": "chance",
    "truth, near-duplicates left out": "the true errors, under the queue's rules",
}


TRIED = (
    "What was tried to estimate errors better than confidence does, on 87 rendered people of the "
    "training split whom the network hasn't learnt (7590 frames), each left out of its own fit, "
    "pure ranking, points more than confidence's 82.6 %: confidence averaged over 1 and 2 frames "
    "around +0.1 [-1.1, +1.2] and -0.3 [-1.6, +1.2]; ridge regression on every landmark's "
    "confidence, pose and shape +0.3 [-2.8, +3.8], on 55 features, the network's evidence and its "
    "course in time among them, +2.4 [-1.7, +5.6], boosted trees on the same +0.3 [-2.7, +4.2]; "
    "the distance to the mirror picture's answer beside that to f_REG's +1.6 [-0.4, +3.4] (81 "
    "people). The best of some 45 estimates, a ridge regression of each landmark's error on its "
    "evidence, yaw and oddness, has +2.8 [+0.3, +4.3], without yaw and oddness +2.2 [-0.1, +3.3]; "
    "the best of so many promises too much. On the 16 test people, looked at "
    "once, it has +3.8 [-2.6, +5.6], in the queue -0.7 [-2.8, +2.4]: not shown, and so not in the "
    "product, whose projects don't keep the evidence.",
    "What the rules cost on those 87: the queue finds 33.6 %, with near-duplicates let in 77 % (72 "
    "people). Without the fade beside proposals it finds 37.7 %, but then only 63 % of the worst "
    "tenth lie in or beside its first 2 %, with it 82 %; with one of 0.75 for 0.5 it is 28.9 % "
    "and 90 %.",
    "What confidence misses, on 72 of those people: 118 of 624 frames. 47 are of two clips in "
    "which a bar hides a part of the face and the network is half sure of the jaw it guesses; of "
    "the others 50 are turned by more than 40°, and 43 within 2 points of the edge "
    "of the worst tenth (7.4 %). All frames in their place are turned so far, and 80 % have 5.2 to "
    "7.2 %.",
)
"""What was measured outside this command, with 95 % bootstrap intervals over people."""


def ranking_report(
    rows: dict[str, dict[str, Any]],
    own: dict[str, dict[str, Any]],
    curves: dict[str, np.ndarray],
    frames: Frames,
    unseen: np.ndarray,
    model: str,
    command: str,
) -> Report:
    """What the queue finds of the worst frames.

    Parameters
    ----------
    rows, curves : from :func:`measure`
    own : the same with errors in per cent of the face's own interocular distance
    unseen : (N,) bool, people whom the model's confidence wasn't calibrated on either
    """
    at = orders(frames)
    halves = {
        name: found(frames.errors, at[name], np.flatnonzero(unseen))
        for name in ("ranking", "confidence")
    }
    table = [
        [TITLES[name], _told(row["found"], row["interval"]),
         "" if row["against"] == name else _more(row["gain"], row["gain_interval"]),
         f"{own[name]['found']:.1f}", f"{row['proposed']:.0f}",
         _told(row["stood_for"], row["stood_for_interval"])]
        for name, row in rows.items() if name in TITLES
    ]  # fmt: skip
    truth = rows["truth, near-duplicates left out"]
    lost, edge = int((frames.errors == LOST).sum()), np.quantile(frames.errors, 1 - PART)
    shortest = min(len(features) for features in frames.features)
    return Report(
        "ranking",
        "Which frames the review queue proposes",
        "Of the worst tenth of all frames at least 25 % are among the first tenth that the queue "
        "proposes (chance: 10 %), and more than by confidence alone.",
        answer(rows),
        ["frames in the order of", "worst tenth among the first tenth, %",
         "more than confidence alone under the same rules", "by the face's own eyes, %",
         "ever proposed, %",
         f"worst tenth in or beside the first {100 * EARLY:.0f} % proposed, %"],
        table,
        [
            f"{len(frames.features)} clips of {len(np.unique(frames.people))} rendered people "
            f"nobody of whom was trained on, {len(frames)} frames, followed by {model} from the "
            "first. Errors are in % of a frontal face's distance of the outer eye corners (0.65 "
            "of the face box), in the fourth column of the face's own, which goes to nothing in "
            f"profile. The worst tenth begins at {edge:.1f} %; {lost} frames without a face "
            f"count as {LOST:.0f} %.",
            "[ ] are 95 % bootstrap intervals over people; differences within the same draws.",
            f"The queue never proposes a frame near a better one: {GAP} frames, in a short track "
            f"a twentieth of it (here {max(shortest // 20, 2)}), nor one that looks the same, "
            "and a face lost for a stretch is proposed once. The worst frames come in runs, so "
            "most of them are near-duplicates of each other: the last row is what even the true "
            "errors find then. So the queue is to be compared with confidence under the same "
            "rules, its second row, and even the true errors have "
            f"{_more(truth['gain'], truth['gain_interval'])} points over that: under these rules "
            "the first tenth can hardly show a better estimate of errors.",
            f"The last column is what a person sees after the first {100 * EARLY:.0f} %: the part "
            f"of the worst tenth that is among them or at most {BESIDE} frames away, so far as "
            "more than half of a correction is carried on. Lowest confidence first asks for frames "
            "of the same few runs again and again. Under the queue's rules confidence stands for "
            "as much: it is the rules that bring more, not the estimate.",
            "The weights of confidence, disagreement and jumps were fitted on rendered people of "
            "the training split whom the network hasn't learnt either "
            "(trainer/expected_error.py). Confidence is itself made of that disagreement, the one "
            "with the mirror picture and more, so there is little left to add to it here.",
            *TRIED,
            "The confidence of red-lite was calibrated on half of these test people. On the "
            f"other half ({int(unseen.sum())} frames) the pure ranking finds "
            f"{halves['ranking']:.1f} %, confidence alone {halves['confidence']:.1f} %.",
            "Near-duplicates: the rules were chosen on training people, so that the target comes "
            "within reach: there the queue found 24.7 %, the true errors 28.1 %. No weight was "
            "fitted on the test people, but to fit on people the network hasn't learnt was "
            "decided with their figures in view: fitted on people it has learnt, the pure "
            "ranking found 78.8 %, the queue 27.4 %.",
            "Nothing is corrected or accepted here: distance to corrected frames and poses nobody "
            "corrected yet have no part in this.",
        ],
        command,
        {"rows": rows, "own_eyes": own, "unseen_half": halves},
        _figure(curves),
    )  # fmt: skip


def answer(rows: dict[str, dict[str, Any]]) -> str:
    """Whether the queue reaches the target, and how it stands to confidence alone."""
    told = []
    for name, row in (("The queue", rows["queue"]), ("The pure ranking", rows["ranking"])):
        low, high = row["gain_interval"]
        sure = "more" if low > 0 else "less" if high < 0 else "no sure difference"
        told.append(
            f"{name} finds {_told(row['found'], row['interval'])} %: "
            f"{'' if row['found'] >= TARGET else 'not '}reached; against confidence alone under "
            f"the same rules {_more(row['gain'], row['gain_interval'])} points: {sure}."
        )
    queue, bare = rows["queue"], rows["confidence"]
    low, high = queue["stood_for_gain_interval"]
    told.append(
        f"What it has over bare confidence is that it spreads: in its first {100 * EARLY:.0f} % "
        f"or within {BESIDE} frames of them lie "
        f"{_told(queue['stood_for'], queue['stood_for_interval'])} % of the worst tenth, by "
        f"confidence alone with no frame left out "
        f"{_told(bare['stood_for'], bare['stood_for_interval'])} %: "
        f"{_more(queue['stood_for_gain'], (low, high))} points, "
        f"{'more' if low > 0 else 'less' if high < 0 else 'no sure difference'}."
    )
    return " ".join(told)


def _more(value: float, ends: Sequence[float]) -> str:
    return f"{value:+.1f} [{ends[0]:+.1f}, {ends[1]:+.1f}]"


def _told(value: float, ends: Sequence[float]) -> str:
    return f"{value:.1f} [{ends[0]:.1f}, {ends[1]:.1f}]"


def _figure(curves: dict[str, np.ndarray]) -> Figure:
    from matplotlib.figure import Figure

    plot = Figure(figsize=(7, 4), layout="constrained")
    axis = plot.subplots()
    for name, title in TITLES.items():
        dashed = "left out" in name or name == "chance"
        axis.plot(curves[name], label=title, linestyle="--" if dashed else "-")
    axis.axvline(100 * PART, color="0.8")
    axis.set(xlabel="frames proposed, % of all", ylabel="of the worst tenth, %", ylim=(0, 100))
    axis.legend(fontsize=7, loc="center right")
    axis.grid(alpha=0.3)
    return plot
