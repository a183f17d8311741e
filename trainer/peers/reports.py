"""The comparison's tables, plots and answers for docs/results.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.experiments.report import Report
from trainer.peers.environment import PEERS
from trainer.peers.figures import NOTHING, OFFSET, SHIFT, Row
from trainer.peers.stills import OURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NORMALISER = (
    "Errors are mean point-to-point distances over the distance of the outer eye corners "
    "(landmarks 36 and 45, counted from 0), in per cent; failures are errors above 10 % and "
    "faces not found; [ ] are 95 % bootstrap intervals over people or photos."
)
AFTER = (
    "After a fixed offset: one shift per landmark and aligner, in the face's own frame, the "
    "median over training people nobody is measured on; it takes away what is only a "
    "difference in annotation."
)


def stills_report(rows: Sequence[Row], about: Mapping[str, Any], command: str) -> Report:
    """Claim 5. Rows have ``set`` and ``box`` besides what figures.still_rows gives."""
    titles = _titles()
    table = [
        [
            f"{row['set']} ({row['common']} of {row['faces']})",
            row["box"],
            titles[row["aligner"]],
            row["after"],
            _with(row["mean"], row["mean_interval"]),
            _with(row["failures"], row["failures_interval"]),
            f"{row['auc']:.3f}",
            str(row["missed"]),
            _with(row["points7"]["mean"], row["points7"]["mean_interval"]),
            _number(row["points7"]["failures"]),
        ]
        for row in rows
    ]
    return Report(
        "peers",
        "68 and 7 points beside other aligners (claim 5, table 4)",
        "Given the same face box, the network is more accurate than other aligners, on 68 "
        "and on 7 points.",
        _stills_answer(rows),
        ["set (faces all found)", "box", "aligner", "after", "68: mean, %",
         "68: failures, %", "AUC", "not found", "7: mean, %", "7: failures, %"],
        table,
        [
            NORMALISER,
            "After one shift: two numbers for each aligner, how far in pixels the labels of the "
            "same training people lie to the right of and below its answers (docs/labels.md). "
            f"{AFTER} It comes after the shift.",
            "Means are over faces that every aligner found, failures and AUC over all of them.",
            "7 points are the subset 36, 39, 42, 45, 30, 48, 54 of the same 68-point results; no "
            "network with 7 outputs is in this table.",
            "From the detector's box ours looks twice, the second time around its own first "
            "answer, as the program does; from the box of the truth once.",
            "dlib and OpenCV get a square that follows from the box by a fixed mapping, mediapipe "
            "the picture cut out around it, and its own detector must find the face there "
            "(docs/peers.md).",
            "dlib's model was trained on 300-W, which holds Helen and AFW: it has "
            "seen these photos, ours has not. OpenCV's says nothing of its training set.",
            _who(about),
        ],
        command,
        {**about, "rows": [plain(row) for row in rows]},
        _ced(rows),
    )  # fmt: skip


def heads_report(
    rows: Sequence[Row], titles: Mapping[str, str], about: Mapping[str, Any], command: str
) -> Report:
    """Videos with truth."""
    table = [
        [
            titles.get(row["aligner"], row["aligner"]),
            "yes" if row["offset"] else "no",
            *(_beside(row, key) for key in ("mean", "std", "failures")),
            _number(row["with_misses"]) if "with_misses" in row else "",
            str(row.get("missed", "")),
            *(_beside(row, key) for key in ("jitter", "error_jitter", "lag")),
        ]
        for row in rows
    ]
    better = _better(rows, titles)
    first = rows[0]
    return Report(
        "peers_heads",
        "Videos of rendered heads beside other aligners",
        "On videos of people never trained on, mean, standard deviation, failures and jitter "
        "are better than dlib's and mediapipe's, each in its own tracking mode, in the same run.",
        better,
        ["aligner", "after offset", "mean, %", "std, %", "failures, %", "mean, misses as 100 %",
         "frames not found", "jitter, %", "jitter of the error, %", "lag, frames"],
        table,
        [
            NORMALISER,
            AFTER,
            f"{about['clips']} clips of as many people, {first['frames']} frames. Mean, std and "
            "jitter of another aligner are over the frames in which it found the face, and in "
            "brackets beside it stands ours on the very same frames; failures are over all.",
            "Jitter: frame-to-frame acceleration |x(t-1) - 2 x(t) + x(t+1)| over interocular, mean "
            "over landmarks and frames; the row of the truth is the heads' own movement.",
            "Lag: the delay, to a part of a frame, at which the velocities agree best with the "
            "truth's (trainer.metrics.lag), mean over clips.",
            _who(about),
        ],
        command,
        {**about, "rows": [plain(row) for row in rows]},
        _bars_of_heads(rows),
    )  # fmt: skip


def clips_report(
    rows: Sequence[Row],
    by_clip: Sequence[Row],
    titles: Mapping[str, str],
    about: Mapping[str, Any],
    command: str,
) -> Report:
    """Videos without truth."""
    table = []
    for row in rows:
        cells = [titles[row["aligner"]], str(row["frames"]), str(row["with_face"])]
        cells += [str(row["faces"]), _with(row["jitter"], row["jitter_interval"])]
        if row["aligner"] == OURS:
            cells += [""] * 4
        else:
            cells.append(f"{_number(row['ours'])} ({row['clips']} clips)")
            cells += [str(row[key]) for key in ("lost", "lost_confirmed", "only_ours")]
        table.append(cells)
    return Report(
        "peers_clips",
        "Real videos beside other aligners",
        "On real videos, where nobody knows the truth, jitter is at most that of the steadiest "
        "of the others, and no face is lost that they find.",
        _clips_answer(rows, titles),
        ["aligner", "frames", "with a face", "faces", "jitter, %",
         "ours on the same frames, %", "its faces that ours lacks",
         "of these another peer sees too", "our faces that it lacks"],
        table,
        [
            "Jitter: frame-to-frame acceleration over the interocular distance (median of all "
            "aligners'), over frames in which this aligner and ours found the one face, mean over "
            "clips; it holds the faces' own movement too. [ ]: 95 % bootstrap "
            "over clips.",
            "A low jitter can also be bought with lag, which only videos with truth show.",
            "A face that another finds isn't always one: `--lost DIR` draws those that ours lacks "
            "(docs/peers.md has what was seen there).",
            "Two faces are the same if their landmarks' boxes overlap by IoU 0.3.",
            _who(about),
        ],
        command,
        {**about, "rows": [plain(r) for r in rows], "clips": [plain(r) for r in by_clip]},
        _bars_of_clips(by_clip, titles),
    )  # fmt: skip


def _stills_answer(rows: Sequence[Row]) -> str:
    titles = _titles()
    told = []
    for place in dict.fromkeys((row["set"], row["box"]) for row in rows):
        for after, how in {
            NOTHING: "raw",
            SHIFT: "after one shift",
            OFFSET: "after offset",
        }.items():
            here = [r for r in rows if (r["set"], r["box"]) == place and r["after"] == after]
            ours = next(r for r in here if r["aligner"] == OURS)
            others = [r for r in here if r["aligner"] != OURS]
            if others:
                best = min(others, key=lambda r: r["mean"])
                told.append(
                    f"{place[0]}, box of the {place[1]}, {how}: "
                    f"{ours['mean']:.2f} against {best['mean']:.2f} % ({titles[best['aligner']]})"
                )
    return f"68 points, ours against the best other: {'; '.join(told) or 'no peer ran'}."


def _better(rows: Sequence[Row], titles: Mapping[str, str]) -> str:
    told = []
    for offset in (False, True):
        here = [r for r in rows if r["offset"] is offset and "mean" in r]
        mine = next(r for r in here if r["aligner"] == OURS)
        others = [r for r in here if r["aligner"] != OURS]
        if not others:
            return "No peer ran."
        parts = []
        for key in ("mean", "std", "failures", "jitter", "error_jitter"):
            # Ours is compared with each on that one's frames; the narrowest case is told.
            ours = {r["aligner"]: r.get("ours", {}).get(key, mine[key]) for r in others}
            ahead = [_last(ours[r["aligner"]] - r[key], -1) for r in others]
            hard = others[int(np.argmax(ahead))]
            here_ours = ours[hard["aligner"]]
            verdict = "better" if here_ours < hard[key] else "not better"
            verdict = "equal" if here_ours == hard[key] else verdict
            parts.append(
                f"{key.replace('error_jitter', 'jitter of the error')} {_number(here_ours)} "
                f"against {_number(hard[key])} ({titles[hard['aligner']]}): {verdict}"
            )
        told.append(f"{'After offset' if offset else 'Raw'}: {'; '.join(parts)}.")
    return " ".join(told)


def _clips_answer(rows: Sequence[Row], titles: Mapping[str, str]) -> str:
    others = [r for r in rows if r["aligner"] != OURS]
    if not others:
        return "No peer ran."
    hard = max(others, key=lambda r: _last(r["ours"] - r["jitter"], -1))
    verdict = "holds" if hard["ours"] <= hard["jitter"] else "does not hold"
    compared = "; ".join(
        f"{_number(r['ours'])} against {_number(r['jitter'])} % ({titles[r['aligner']]})"
        for r in others
    )
    return (
        f"Jitter {verdict}: {compared}. Faces another finds and ours lacks: "
        + ", ".join(f"{r['lost']} ({titles[r['aligner']]})" for r in others)
        + f"; seen by two different peers: at most {max(r['lost_confirmed'] for r in others)}."
    )


def _beside(row: Row, key: str) -> str:
    """A figure, its interval, and ours on the same frames where that is another."""
    if key not in row:
        return ""
    told = _with(row[key], row[f"{key}_interval"])
    ours = row.get("ours", {}).get(key)
    return told if ours is None else f"{told} (ours {_number(ours)})"


def _who(about: Mapping[str, Any]) -> str:
    ran = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    left = "; ".join(f"{name} ({why})" for name, why in about["missing"].items())
    return f"Ours: {about['model']}. Others: {ran or 'none'}. Left out: {left or 'none'}."


def _titles() -> dict[str, str]:
    return {OURS: "ours", **{peer.name: peer.title for peer in PEERS}}


def _ced(rows: Sequence[Row]) -> Figure:
    from matplotlib.figure import Figure

    places = list(dict.fromkeys((row["set"], row["box"]) for row in rows))
    figure = Figure(figsize=(12, 3.6 * math.ceil(len(places) / 2)), layout="constrained")
    axes = np.ravel(figure.subplots(math.ceil(len(places) / 2), 2, squeeze=False))
    names = list(dict.fromkeys(row["aligner"] for row in rows))
    titles = _titles()
    for axis, place in zip(axes, places, strict=False):
        for row in rows:
            if (row["set"], row["box"]) != place:
                continue
            if row["after"] == SHIFT:
                continue
            errors = np.sort(row["errors"])
            share = 100 * np.arange(1, len(errors) + 1) / len(errors)
            axis.step(
                errors, share, where="post", color=f"C{names.index(row['aligner'])}",
                linestyle="-" if row["after"] == OFFSET else ":",
                label=titles[row["aligner"]] if row["after"] == OFFSET else None,
            )  # fmt: skip
        axis.set(xlim=(0, 15), ylim=(0, 100), title=f"{place[0]}, box of the {place[1]}")
        axis.set(xlabel="error, % of interocular", ylabel="faces, %")
        axis.grid(alpha=0.3)
        axis.legend(title="solid: after offset, dotted: raw", fontsize=8, title_fontsize=8)
    return figure


def _bars_of_heads(rows: Sequence[Row]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.8), layout="constrained")
    kinds = (
        ("mean", "mean error, %"), ("std", "std, %"), ("failures", "failures, %"),
        ("jitter", "jitter, %"), ("error_jitter", "jitter of the error, %"), ("lag", "lag, frames"),
    )  # fmt: skip
    names = [row["aligner"] for row in rows if not row["offset"] and "mean" in row]
    axes = figure.subplots(1, len(kinds))
    for axis, (key, label) in zip(axes, kinds, strict=True):
        for shift, offset in ((-0.2, False), (0.2, True)):
            values = [r for r in rows if r["offset"] is offset and "mean" in r]
            _bars(axis, np.arange(len(names)) + shift, values, key, "0.7" if not offset else "C0")
        axis.set_xticks(range(len(names)), names, rotation=90)
        axis.set_title(label, fontsize=9)
        axis.grid(axis="y", alpha=0.3)
    figure.suptitle("grey: raw, blue: after a fixed offset", fontsize=9)
    return figure


def _bars(axis: Any, at: np.ndarray, rows: Sequence[Row], key: str, colour: str) -> None:
    heights = np.array([row[key] for row in rows])
    ends = np.array([row[f"{key}_interval"] for row in rows])
    reach = np.abs(np.stack([heights - ends[:, 0], ends[:, 1] - heights]))
    axis.bar(at, heights, 0.38, yerr=np.nan_to_num(reach), color=colour, capsize=2)


def _bars_of_clips(by_clip: Sequence[Row], titles: Mapping[str, str]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    axis = figure.subplots()
    names = list(titles)
    for k, name in enumerate(names):
        heights = [row["jitter"][name] for row in by_clip]
        at = np.arange(len(by_clip)) + 0.8 * (k + 0.5) / len(names) - 0.4
        axis.bar(at, heights, 0.8 / len(names), label=titles[name])
    axis.set_xticks(range(len(by_clip)), [row["clip"] for row in by_clip], rotation=30, ha="right")
    axis.set_ylabel("jitter, % of interocular")
    axis.grid(axis="y", alpha=0.3)
    axis.legend(fontsize=8)
    return figure


def plain(row: Row) -> Row:
    """A row as JSON values: arrays left out, infinite and unknown numbers as null."""
    return {key: _value(value) for key, value in row.items() if not isinstance(value, np.ndarray)}


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _value(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_value(one) for one in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value


def _last(value: float, sign: int = 1) -> float:
    return value if math.isfinite(value) else sign * math.inf


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _with(value: float, ends: Sequence[float]) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"
