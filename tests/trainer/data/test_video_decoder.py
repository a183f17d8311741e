"""Pixels of a decoded frame."""

from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
from make_videos import write_video

from trainer.data.video_decoder import converted


def test_a_threads_one_scaler_serves_all_sizes_and_formats(tmp_path):
    paths = [write_video(tmp_path / f"{n}.mp4", n_frames=3, size=(96, n)) for n in (160, 192)]
    frames = []
    for path in paths:
        with av.open(str(path)) as file:
            frames += list(file.decode(video=0))
    wishes = [
        (frame, options)
        for frame in frames[::2] + frames[1::2]
        for options in (("rgb24", None, None), ("gray", None, None), ("rgb24", 48, 80))
    ]

    def answers() -> list[np.ndarray]:
        return [converted(frame, *options) for frame, options in wishes]

    with ThreadPoolExecutor(2) as threads:
        found = [answers(), *(one.result() for one in [threads.submit(answers) for _ in range(4)])]
    for frame, (name, height, width) in wishes:
        own = frame.to_ndarray(format=name, height=height, width=width)
        for one in found:
            np.testing.assert_array_equal(one.pop(0), own)
