"""Which other aligners there are, and the Python environment that holds them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.errors import RedError
from trainer.peers.process import PeerError, PeerProcess

VARIABLE = "NAPARI_RED_PEERS"


@dataclass(frozen=True)
class Peer:
    """One other aligner.

    Attributes
    ----------
    name : in the worker
    title : in tables
    install : arguments of ``pip install``, one command after the other
    settings : what the worker needs whatever the mode
    crop : for a peer that takes no box: side of the picture it is given over that of the
        face box; None for one that takes a box
    parameters : how large its landmark model is, in words
    model_files : those it loads, inside the environment's packages, detector apart
    """

    name: str
    title: str
    install: tuple[tuple[str, ...], ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    crop: float | None = None
    parameters: str = "?"
    model_files: tuple[str, ...] = ()


PEERS: tuple[Peer, ...] = (
    Peer(
        "mediapipe",
        "mediapipe FaceMesh",
        (("numpy==1.26.4", "mediapipe==0.10.21"),),
        {"refine": True},
        crop=2.2,
        parameters="1.2 M",
        model_files=("mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",),
    ),
    Peer(
        "dlib",
        "dlib",
        (
            ("setuptools==80.9.0", "dlib-bin==20.0.1.post1"),
            ("--no-build-isolation", "face_recognition_models==0.3.0"),
        ),
        {"rectangle": [0.0, -0.11, 1.12]},
        parameters="16.3 M leaf values",
        model_files=("face_recognition_models/models/shape_predictor_68_face_landmarks.dat",),
    ),
    Peer(
        "opencv",
        "OpenCV FacemarkLBF",
        (
            ("numpy==1.26.4", "opencv-contrib-python==4.11.0.86"),
            ("--no-deps", "GoldenFace==1.1"),
        ),
        {"rectangle": [0.0, -0.15, 1.3]},
        parameters="4.4 M + trees",
        model_files=("GoldenFace/landmark.yaml",),
    ),
)
"""Every peer, with how it gets its face box.

``rectangle`` (dx, dy, side) leads from the landmark box to the square a peer was trained
with, in units of the box's side. What its own detector gives where both see the same face
was the start (medians over 525 faces of YouTube Faces' training people and 218 of Helen:
dlib 0, -0.11, 1.03; OpenCV 0, -0.18, 1.17); then the sides and heights around it were tried on 263
and 145 training faces, and the best was taken: dlib 8.87 to 8.4 and 3.42 to 3.18 %,
OpenCV 11.7 to 11.3 and 6.2 to 5.8 %. ``crop`` was the best of 1.2, 1.5, 1.8, 2.2 and 2.6 there
(two misses, one, one, none, none; 8.14, 8.02, 8.11, 7.94, 7.97 %), and the mesh with
attention was better than the one without (5.06 against
5.32 % on Helen); these with the mapping as published, before trainer.peers.schemes changed it.
"""


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    windows = folder / "Scripts" / "python.exe"
    return windows if windows.exists() else folder / "bin" / "python"


def peers_folder(option: Path | None) -> Path | None:
    """Where the peers are: the option, or what NAPARI_RED_PEERS names; None without either.

    Raises
    ------
    RedError
        If there is no Python in it.
    """
    named = option or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None and not python_of(named).exists():
        raise RedError(
            f"{named}: no Python environment of peers; make it with `python -m trainer peers "
            f"{named}`"
        )
    return named


def start(folder: Path, peer: Peer, mode: str, *, faces: int = 1, **options: Any) -> PeerProcess:
    """Start a peer. ``mode`` is "box", "track" or "detect"; ``options`` go to PeerProcess.

    Raises
    ------
    PeerError
        If it isn't installed there or doesn't start.
    """
    extra = options.pop("settings", {})
    settings = {**peer.settings, "mode": mode, "faces": faces, **extra}
    return PeerProcess(python_of(folder), peer.name, settings, **options)


def available(folder: Path | None) -> tuple[dict[str, str], dict[str, str]]:
    """Which peers run: ({name: version}, {name: why not})."""
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for peer in PEERS:
        if folder is None:
            missing[peer.name] = f"no --peers folder and no {VARIABLE}"
            continue
        try:
            with start(folder, peer, "box") as process:
                versions[peer.name] = process.version
        except PeerError as error:
            missing[peer.name] = str(error)
    return versions, missing


def install(
    folder: Path,
    *,
    python: str = sys.executable,
    peers: Iterable[Peer] = PEERS,
    on_line: Callable[[str], None] = lambda line: None,
) -> dict[str, str]:
    """Make an environment with every peer that can be had; go on where one can't.

    Returns
    -------
    {peer: what went wrong} of those left out

    Raises
    ------
    RedError
        If the environment itself can't be made.
    """
    made = subprocess.run(
        [python, "-m", "venv", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise RedError(
            f"{folder}: no environment could be made ({_last_line(made)}); "
            "choose a folder you may write to and a Python that has venv"
        )
    failed: dict[str, str] = {}
    for peer in peers:
        for arguments in peer.install:
            on_line(f"{peer.title}: pip install {' '.join(arguments)}")
            done = subprocess.run(
                [str(python_of(folder)), "-m", "pip", "install", "--quiet", *arguments],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                failed[peer.name] = f"pip install {' '.join(arguments)}: {_last_line(done)}"
                break
    return failed


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["it said nothing"])[-1]
