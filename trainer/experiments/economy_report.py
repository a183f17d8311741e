"""What the simulated annotators' projects say together: a table, curves, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.carry import CARRY_FRAMES
from trainer.experiments.annotator import Arm
from trainer.experiments.economy_rounds import Row, rows_of
from trainer.experiments.report import Report
from trainer.metrics import bootstrap_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REST, VIDEOS, OTHERS = -40.0, -20.0, 2.0
"""Targets: change of the points to move in the rest of the video and in the person's other
videos, and the most the error on other people may rise, all in per cent of what was before."""

MAIN = "queue"


def economy_report(
    rounds: Sequence[dict[str, Any]],
    real: Sequence[dict[str, Any]],
    arms: Mapping[str, Arm],
    model: str,
    command: str,
) -> Report:
    """Of all rounds that are there.

    Parameters
    ----------
    rounds : from :func:`trainer.experiments.economy_rounds.read_rounds`
    real : outcomes of :func:`trainer.experiments.economy_stills.real_people`
    arms : all ways of working, by name
    model : what everybody started from
    command : what made it
    """
    rows = rows_of(rounds, list(arms))
    table = [_cells(row, rows, arms) for row in rows]
    values = {
        "rows": [row.values() for row in rows],
        "real": [_real_values(one) for one in real],
        "projects": [_short(one) for one in rounds],
    }
    return Report(
        "economy",
        "What corrections are worth (annotation economy)",
        "After 20 corrected frames there are at least 40 % fewer points to move in the rest of "
        "that video, at least 20 % fewer in the person's other videos, and the error on other "
        "people (ytf/dev) is up by no more than 2 % of itself.",
        answer(rows, real),
        ["look", "way of working", "corrected", "people", "models taken",
         "to move in the rest, %", "fewer (-) or more", "queue, fine-tuned, same people",
         "corrections carried on",
         "error, %", "to move in other videos, %", "fewer (-) or more ",
         "corrections carried on ", "error, % ", "other people"],
        table,
        [*_notes(rows, rounds, arms, model), *(_told_real(one) for one in real)],
        command,
        values,
        _figure(rows, arms),
    )  # fmt: skip


def answer(rows: Sequence[Row], real: Sequence[dict[str, Any]]) -> str:
    """Target by target, look by look, and the parts of the network."""
    told = []
    for row in rows:
        if row.arm != MAIN or row.chain or row.corrections != _most(rows):
            continue
        parts = [
            f"{where} {_target(row, carried, most)}, "
            f"by the network alone {_target(row, alone, most)}"
            for where, carried, alone, most in (
                ("in the rest of the video", "carried", "rest", REST),
                ("in the person's other videos", "videos_carried", "videos", VIDEOS),
            )
        ]
        others = row.others()
        if others is not None:
            parts.append(
                f"the error on other people {_change(others)} ({_met(others[0] <= OTHERS)})"
            )
        told.append(
            f"{row.look.capitalize()} look, {len(row.people)} people, {row.corrections} "
            f"corrections, fine-tuned and carried on as annotating again does: points to move "
            f"{'; '.join(parts)}."
        )
    for one in real:
        values = _real_values(one)
        theirs, others_of = values["their other videos"], values["other people"]
        told.append(
            f"Real people ({one['people']}, {one['corrected']} corrected frames, "
            f"{'named' if one['named'] else 'names withheld'}): points to move in their other "
            f"videos {_change(theirs['to_move_change_carried'])}, of other people in the same "
            f"project {_change(others_of['to_move_change_carried'])}; the network alone "
            f"{_change(theirs['to_move_change'])} and {_change(others_of['to_move_change'])}."
        )
    return " ".join(told) or "Nothing is measured yet."


def _target(row: Row, where: str, most: float) -> str:
    change = row.change(where)
    return f"{_change(change)} ({_met(change[0] <= most)})"


def _met(reached: bool) -> str:
    return "reached" if reached else "not reached"


def _most(rows: Sequence[Row]) -> int:
    return max((row.corrections for row in rows), default=0)


def _cells(row: Row, rows: Sequence[Row], arms: Mapping[str, Arm]) -> list[str]:
    same = ""
    main = next(
        (r for r in rows if (r.look, r.arm, r.chain, r.corrections)
         == (row.look, MAIN, row.chain, row.corrections)), None
    )  # fmt: skip
    if main is not None and row.arm != MAIN:
        both = main.only(row.people)
        if both.people == row.people:
            same = _change(both.change("rest"), ends=False)
    others = row.others()
    return [
        row.look,
        arms[row.arm].title + (", in rounds" if row.chain else ""),
        str(row.corrections),
        str(len(row.people)),
        f"{row.accepted} of {row.projects}" if arms[row.arm].tuned else "",
        _from_to(row.mean("rest", "to_move"), 1),
        _change(row.change("rest")),
        same,
        ""
        if arms[row.arm].interpolated
        else f"→ {row.mean('carried', 'to_move')[1]:.1f}, {_change(row.change('carried'))}",
        _from_to(row.mean("rest", "nme"), 2),
        _from_to(row.mean("videos", "to_move"), 1) if arms[row.arm].tuned else "",
        _change(row.change("videos")) if arms[row.arm].tuned else "",
        ""
        if arms[row.arm].interpolated
        else f"→ {row.mean('videos_carried', 'to_move')[1]:.1f}, "
        f"{_change(row.change('videos_carried'))}",
        _from_to(row.mean("videos", "nme"), 2) if arms[row.arm].tuned else "",
        _change(others) if others is not None and arms[row.arm].tuned else "",
    ]


def _notes(
    rows: Sequence[Row],
    rounds: Sequence[dict[str, Any]],
    arms: Mapping[str, Arm],
    model: str,
) -> list[str]:
    tuned = [one for one in rounds if one["arm"] == MAIN and one["total"] == _most(rows)]
    refused = [one["message"] for one in tuned if not one["accepted"]]
    return [
        f"Rendered people nobody of whom {model} was trained on, three clips of 200 frames each: "
        "frames are corrected to the truth in the first, the other two are never touched. The "
        "same people in another look have other clips. Before is the model's own annotation of "
        "the same frames; corrected frames are left out of both.",
        "Errors are in % of a frontal face's distance of the outer eye corners (0.65 of the face "
        "box), the face's own going to nothing in profile; a point is to be moved if it is off by "
        "more than 5 % of that, a lost face counts as 100 %. [ ] are 95 % bootstrap intervals over "
        "people; of two they only span both, of few they are too narrow. By the face's "
        "own eyes: results/economy.json.",
        "A round: the queue proposes frames by what is shown, near-duplicates only when there is "
        "nothing else; they are pinned to the truth and the video is re-tracked; corrected frames, "
        "the ten-frame clips round them and held-out frames are pushed as by the plugin; the gate "
        "decides; the first video is aligned anew with the corrections pinned, the others freely. "
        "A refused model leaves the old one.",
        "Carried on, as the program does when it annotates: faces of a like shape are changed as "
        "the corrected ones were, in the video and in the person's others "
        "(trainer/shape_residuals.py), and in the video what that leaves is carried to the frames "
        f"around, less the farther they are (1/e at {CARRY_FRAMES:.0f} frames; trainer/carry.py). "
        "The network alone stands beside it, so that each shows what it adds.",
        "One person alone skips stage 2, since telling people apart takes two: names change "
        "nothing there. What f_CLS adds is measured on projects of two people, each with so many "
        "corrections in a video of their own, named and with the names withheld.",
        _told_missing(rows, arms),
        _told_cost(rounds),
        "Error on other people: stills of ytf/dev, an even sample of 80, in the box of the truth. "
        "Labels of ytf are moved on the face by what the model learned of how its training labels "
        "lie (docs/labels.md).",
        *_told_stages(rounds),
        *_told_gate(rounds),
        *([f"Refused, {len(refused)} of {len(tuned)}: {'; '.join(sorted(set(refused)))}."]
          if refused else []),
    ]  # fmt: skip


def _told_stages(rounds: Sequence[dict[str, Any]]) -> list[str]:
    """What each stage did to the error on the held-out frames."""
    gains: dict[int, list[tuple[float, float]]] = {}
    for one in rounds:
        for stage in one.get("stages", ()):
            if "error_after" in stage:
                pair = stage["error_before"], stage["error_after"]
                gains.setdefault(stage["stage"], []).append(pair)
    parts = []
    for number, pairs in sorted(gains.items()):
        before, after = np.mean(pairs, axis=0)
        better = sum(a < b for b, a in pairs)
        parts.append(
            f"stage {number} took it from {before:.2f} to {after:.2f} % and found a better network "
            f"in {better} of {len(pairs)} runs"
        )
    if not parts:
        return []
    return [
        f"The mean error on the held-out frames: {'; '.join(parts)}. They are measured one by "
        "one, so what f_tRNN makes of the frames before them doesn't show there."
    ]


def _told_gate(rounds: Sequence[dict[str, Any]]) -> list[str]:
    """What the gate sees of other people, beside what real ones say."""
    seen, real = [], []
    for one in rounds:
        if one["accepted"] and "replay" in one.get("gate", {}) and one["others"]["before"]:
            replay = one["gate"]["replay"]
            seen.append((replay["before"]["nme"], replay["after"]["nme"]))
            real.append((one["others"]["before"], one["others"]["after"]))
    if not seen:
        return []
    gate, others = _fallen(np.array(seen)), _fallen(np.array(real))
    return [
        "The gate's other people are rendered, as those who are corrected are: there the error of "
        f"the models taken changed by {gate:+.1f} % in the mean, on the real ones of ytf/dev by "
        f"{others:+.1f} %, so it can't see what is forgotten of these."
    ]


def _told_missing(rows: Sequence[Row], arms: Mapping[str, Arm]) -> str:
    """What this report is without."""
    missing = [arm.title for name, arm in arms.items() if all(row.arm != name for row in rows)]
    chains = [row for row in rows if row.chain]
    rounds = "" if chains else " Rounds of fewer corrections weren't measured either."
    if not missing:
        return f"Every way of working was measured.{rounds}"
    return f"Not measured, for want of machine time: {'; '.join(missing)}.{rounds}"


def _told_cost(rounds: Sequence[dict[str, Any]]) -> str:
    """What fine-tuning took, and by which recipes."""
    tuned = [one for one in rounds if "recipe" in one]
    seconds = [one["seconds"] for one in tuned if "seconds" in one]
    took = f": {np.median(seconds):.0f} s of one core in the middle" if seconds else ""
    partly = sum(one.get("gate", {}).get("part", 1.0) < 1 for one in tuned if one["accepted"])
    recipes = sorted({one["recipe"] for one in tuned})
    return (
        "Fine-tuning was given as much time as its planned updates take, since the machine was "
        f"shared{took}. Of the models taken {partly} went only a part of the way, because all of "
        "it was worse on other people. Recipes used, each named by its hash: "
        f"{', '.join(recipes) or 'none'}."
    )


def _real_values(one: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, of_set in one["sets"].items():
        values[name] = {"faces": len(of_set["groups"])}
        for after, ending in (("after", ""), ("carried", "_carried")):
            for what in ("nme", "to_move"):
                both = np.array([of_set["before"][what], of_set[after][what]]).T
                low, high = bootstrap_interval(both, of_set["groups"], _fallen)
                values[name] |= {
                    f"{what}{ending}": [float(m) for m in both.mean(axis=0)],
                    f"{what}_change{ending}": [_fallen(both), low, high],
                }
    return values | {key: one[key] for key in ("accepted", "message", "named", "stages", "gate")}


def _told_real(one: dict[str, Any]) -> str:
    values = _real_values(one)
    parts = [
        f"{name} ({of['faces']} faces): error {_from_to(of['nme'], 2)} %, "
        f"{_change(of['nme_change'])}; to move {_from_to(of['to_move'], 1)} %, "
        f"{_change(of['to_move_change'])}; with corrections carried on error "
        f"{_change(of['nme_change_carried'])}, to move {_change(of['to_move_change_carried'])}"
        for name, of in values.items()
        if isinstance(of, dict) and "faces" in of
    ]
    skipped = [s["skipped"] for s in one["stages"] if "skipped" in s]
    return (
        f"Real: {one['people']} people of ytf/dev in one set, {one['corrected']} stills of about "
        f"half of each one's videos corrected ({one['held_out']} of them held out), "
        f"{'named' if one['named'] else 'names withheld'}; measured on their other videos and on "
        f"the other people of ytf/dev. {'; '.join(parts)}. The gate: {one['message']}. Skipped: "
        f"{'; '.join(skipped) or 'nothing'}. Labels of ytf are machine-made and in whole pixels."
    )


def _fallen(both: np.ndarray) -> float:
    before, after = both.mean(axis=0)
    return 100 * float(after / before - 1)


def _from_to(pair: Sequence[float], digits: int) -> str:
    return f"{pair[0]:.{digits}f} → {pair[1]:.{digits}f}"


def _change(values: Sequence[float], *, ends: bool = True) -> str:
    middle, low, high = values
    known = ends and np.isfinite(low)
    return f"{middle:+.1f} %" + (f" [{low:+.1f}, {high:+.1f}]" if known else "")


def _short(one: dict[str, Any]) -> dict[str, Any]:
    """A project for the file of figures: without which frames were used."""
    left_out = {"trained", "run"}
    return {key: value for key, value in one.items() if key not in left_out}


def _figure(rows: Sequence[Row], arms: Mapping[str, Arm]) -> Figure:
    from matplotlib.figure import Figure

    plot = Figure(figsize=(15, 4.6), layout="constrained")
    axes = plot.subplots(1, 4)
    titles = ("points to move in the rest of the video",
              "the same, corrections carried on",
              "points to move in the other videos",
              "the same, corrections carried on")  # fmt: skip
    for axis, title in zip(axes, titles, strict=True):
        axis.set(title=title, xlabel="corrected frames", ylabel="change, %")
        axis.axhline(0, color="0.7", linewidth=0.8)
        if any(row.chain for row in rows):
            axis.set_xlim(0, _most(rows) + 4)
        else:  # no curve to be seen: all that was measured, side by side
            axis.set(xlim=(_most(rows) - 0.5, _most(rows) + 3.5), xticks=[_most(rows)])
        axis.grid(alpha=0.3)
    axes[0].axhline(REST, color="0.4", linestyle=":")
    axes[1].axhline(REST, color="0.4", linestyle=":")
    axes[2].axhline(VIDEOS, color="0.4", linestyle=":")
    axes[3].axhline(VIDEOS, color="0.4", linestyle=":")
    for number, (look, arm) in enumerate(dict.fromkeys((row.look, row.arm) for row in rows)):
        own = [row for row in rows if (row.look, row.arm) == (look, arm)]
        title = f"{look}: {arms[arm].title}"
        _curve(axes[0], own, "rest", "points", title, number)
        if not arms[arm].interpolated:
            _curve(axes[1], own, "carried", "points", title, number)
            _curve(axes[3], own, "videos_carried", "points", title, number)
        if arms[arm].tuned:
            _curve(axes[2], own, "videos", "points", title, number)
    for axis in axes:
        axis.set_ylim(-100, 150)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        plot.legend(handles, labels, fontsize=6, loc="outside lower center", ncols=3)
    return plot


def _curve(axis: Axes, rows: Sequence[Row], where: str, what: str, title: str, number: int) -> None:
    """A line through the rounds, and a mark where all was corrected at once."""
    colour = f"C{number % 10}"
    style = "-" if number < 10 else "--"
    line = sorted((r for r in rows if r.chain), key=lambda r: r.corrections)
    if line:
        x = [0, *(r.corrections for r in line)]
        y = [0.0, *(r.change(where, what)[0] for r in line)]
        axis.plot(x, y, style, color=colour, label=None if _once(rows) else title)
    for place, row in enumerate(_once(rows)):
        middle, low, high = row.change(where, what)
        bars = [[middle - low], [high - middle]] if np.isfinite(low) else None
        axis.errorbar(
            [row.corrections + 0.3 * number], [middle], yerr=bars, fmt="o",
            markersize=4, linewidth=0.8, color=colour, label=title if not place else None,
        )  # fmt: skip


def _once(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row.chain]
