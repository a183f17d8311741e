"""Two seconds of real work, to see that everything plays together."""

from __future__ import annotations

import time
from contextlib import closing

from napari_red.core.models import DEFAULT_MODEL
from napari_red.core.sample import sample_path

SECONDS = 2.0


def self_test(model: str = DEFAULT_MODEL, device: str = "auto", seconds: float = SECONDS) -> str:
    """Align the sample for so many seconds, once the model is loaded.

    Returns
    -------
    How it went, in words.

    Raises
    ------
    RedError
        If something needed can't be used, or no face is found.
    """
    from trainer.alignment import AlignmentError, SequentialAligner
    from trainer.checkpoint import load_model
    from trainer.data.video import open_video

    aligner = SequentialAligner(load_model(model), device=device)
    with open_video(sample_path()) as video:
        aligner.warm_up(video.frame(0))
        frames = with_face = 0
        began = time.perf_counter()
        with closing(aligner.run(video)) as results:
            for result in results:
                frames += 1
                with_face += result.boxes[0] is not None
                if time.perf_counter() - began > seconds:
                    break
        taken = time.perf_counter() - began
    if not with_face:
        raise AlignmentError(
            f"{model} finds no face in the sample; install napari-red again, as its files may be "
            "damaged"
        )
    return (
        f"{frames} frames on {aligner.device.type} in {taken:.1f} s, "
        f"{frames / taken:.0f} a second; a face in {with_face}"
    )
