"""``python -m trainer experiments labels``: do a set's labels lie where the landmarks are?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from trainer import console
from trainer.errors import RedError
from trainer.label_shift import (
    Shift,
    measure_answers_below,
    measure_label_shift,
    measure_labels_below,
)

if TYPE_CHECKING:
    from trainer.data.stills import Still
    from trainer.experiments.report import Report
    from trainer.peers.stills import StillSet

SETS = ("ytf/train", "ytf/dev", "helen/trainset", "afw")
_SHIFTS = ("right", "right_small", "right_large", "below", "below_percent", "answers_below")
Row = dict[str, Any]


def labels(
    data: Annotated[Path, typer.Option(help="Folder with ytf, helen/trainset and afw.")],
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    peers: Annotated[
        Path | None, typer.Option(help="Environment made by `trainer peers`; or NAPARI_RED_PEERS.")
    ] = None,
    docs: Annotated[Path, typer.Option(help="Folder of results.md.")] = Path("docs"),
    limit: Annotated[int, typer.Option(min=30, help="Faces of each set.")] = 1000,
) -> None:
    """How far each set's labels lie beside their landmarks, by our aligner and by others."""
    from trainer.checkpoint import load_model
    from trainer.data.stills import find_stills
    from trainer.evaluate import Convention, evaluate
    from trainer.experiments.report import write_report
    from trainer.peers.environment import available, peers_folder
    from trainer.peers.stills import load_set, spread

    loaded = load_model(model, n_landmarks=68)
    if not loaded.model.config.mirrored:
        raise RedError(f"{model}: looks at no mirror pictures, so it can't tell; use red-lite")
    folder = peers_folder(peers)
    versions, missing = available(folder)
    rows: list[Row] = []
    with console.errors.status("Measuring") as status:
        for name in SETS:
            if not (data / name).is_dir():
                continue
            stills = spread(find_stills(data / name), limit)
            status.update(f"{name}: ours")
            ours = evaluate(loaded, stills, convention=Convention.face).landmarks
            rows.append(_row(name, loaded.name, stills, ours))
            if versions:
                assert folder is not None  # peers run only from there
                truth = load_set(stills)
                for peer in versions:
                    status.update(f"{name}: {peer}")
                    rows.append(_row(name, peer, stills, mirror_proof(folder, peer, truth)))
    if not rows:
        raise RedError(f"{data}: none of {', '.join(SETS)} in it; check the folder")
    command = "python -m trainer " + shlex.join(sys.argv[1:])
    write_report(labels_report(rows, loaded.name, versions, missing, command), docs)
    console.errors.print(f"Done: {docs / 'results.md'}")


def mirror_proof(folder: Path, name: str, data: StillSet) -> np.ndarray:
    """A peer's answers that are the same in the mirror, (N, 68, 2) in pixels: the mean of
    those for the pictures and for their mirror pictures."""
    from trainer.geometry import FaceBox
    from trainer.peers.environment import PEERS
    from trainer.peers.stills import peer_answers
    from trainer.scheme import IBUG68

    peer = next(peer for peer in PEERS if peer.name == name)
    boxes = [box for box in data.boxes["truth"] if box is not None]
    widths = [picture.shape[1] for picture in data.pictures]
    mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in data.pictures]
    other_boxes = [
        FaceBox(width - 1 - box.x - box.width, box.y, box.width, box.height)
        for box, width in zip(boxes, widths, strict=True)
    ]
    own = peer_answers(folder, peer, data.pictures, boxes)
    other = peer_answers(folder, peer, mirrored, other_boxes)
    back = [IBUG68.flip_landmarks(p, w) for p, w in zip(other, widths, strict=True)]
    return (own + np.stack(back)) / 2


def _row(name: str, aligner: str, stills: list[Still], answers: np.ndarray) -> Row:
    """The measures of one aligner on one set; a shift is [pixels, low, high] or None."""
    from trainer.metrics import interocular

    truth = np.stack([still.landmarks() for still in stills])
    groups = [still.group for still in stills]
    large = interocular(truth) > np.nanmedian(interocular(truth))

    def right(chosen: np.ndarray) -> Shift | None:
        names = [group for group, kept in zip(groups, chosen, strict=True) if kept]
        return measure_label_shift(answers[chosen], truth[chosen], names)

    whole = right(np.ones(len(stills), bool))
    return {
        "set": name,
        "aligner": aligner,
        "faces": 0 if whole is None else whole.faces,
        "right": _plain(whole),
        "right_small": _plain(right(~large)),
        "right_large": _plain(right(large)),
        "below": _plain(measure_labels_below(answers, truth, groups)),
        "below_percent": _plain(measure_labels_below(answers, truth, groups, relative=True), 100),
        "answers_below": _plain(measure_answers_below(answers, truth, groups)),
    }


def _plain(shift: Shift | None, times: float = 1) -> list[float] | None:
    return None if shift is None else [times * v for v in (shift.pixels, shift.low, shift.high)]


def labels_report(
    rows: list[Row],
    model: str,
    versions: dict[str, str],
    missing: dict[str, str],
    command: str,
) -> Report:
    """The table for docs/results.md."""
    from trainer.experiments.report import Report

    ours = [row for row in rows if row["aligner"] == model]
    found = ", ".join(f"{row['set']} {_words(row['right'])}" for row in ours)
    return Report(
        "labels",
        "Where labels lie",
        "Labels of a whole set can lie beside what they mark; a mirror shows how far to the "
        "right ([labels.md](labels.md)).",
        f"Pixels to the right of the landmarks, by {model}: {found}.",
        (
            "set", "aligner", "faces", "labels to the right, px", "smaller half of the faces",
            "larger half", "labels below the answers, px", "likewise, % of the face",
            "answers down the face, px",
        ),
        [
            (
                row["set"],
                row["aligner"],
                str(row["faces"]),
                *(_words(row[column]) for column in _SHIFTS),
            )
            for row in rows
        ],
        (
            "Every answer is the mean of those for a picture and for its mirror picture, with "
            "the box of the labels. [ ] are 95 % bootstrap intervals over people or photos.",
            "Labels below the answers: the mean over faces; an aligner's own idea of where a "
            "landmark is counts too, and grows with the face (% of the distance of the outer eye "
            "corners). Answers down the face: what an aligner itself learned of a shift "
            "downwards, seen on tilted faces.",
            "Others: "
            + (", ".join(f"{name} {version}" for name, version in versions.items()) or "none")
            + f". Left out: {', '.join(missing) or 'none'}.",
        ),
        command,
        {"rows": rows},
    )  # fmt: skip


def _words(shift: list[float] | None) -> str:
    return "-" if shift is None else f"{shift[0]:.2f} [{shift[1]:.2f}, {shift[2]:.2f}]"
