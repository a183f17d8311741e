"""Which corrected frames are measured on and never trained on, chosen once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

APART = 10
"""No frame this near to a held-out frame of the same video is trained on."""

HELD_OUT_PART = 0.15
"""Part of the corrected frames that is held out."""

_CHEAP = 2  # frames lost to the distance from one held out, as at the end of a video
_FAR = 3 * APART  # frames between two that are held out to see different things

FEWEST = 5
"""Corrected frames below which none is held out."""


def choose_held_out(
    corrected: Mapping[str, Collection[int]],
    chosen: Mapping[str, Collection[int]],
    trained: Mapping[str, Collection[int]],
) -> dict[str, set[int]]:
    """Which corrected frames are measured on and never trained on.

    What was chosen before stays chosen, but counts only while it is corrected. Frames that
    were trained on, or are within :data:`APART` frames of such a frame, can't be chosen any
    more. Frames far from each other are chosen where that costs little, as at the two ends of
    a video, and then their neighbours, so that few frames are lost to the distance kept from
    them.

    Parameters
    ----------
    corrected : numbers of all corrected frames by video
    chosen : those held out so far, by video
    trained : those that a model was trained on so far, by video

    Returns
    -------
    The held-out frames by video, about :data:`HELD_OUT_PART` of all corrected ones; none
    while there are fewer than :data:`FEWEST`
    """
    frames = {video: set(numbers) for video, numbers in corrected.items()}
    held = {video: set(numbers) & frames.get(video, set()) for video, numbers in chosen.items()}
    total = sum(map(len, frames.values()))
    if total < FEWEST:
        return _joined(chosen, held)
    wanted = max(1, int(HELD_OUT_PART * total))
    free = {
        (video, number)
        for video, numbers in frames.items()
        for number in numbers
        if number not in held.get(video, ())
        and not any(abs(number - other) <= APART for other in trained.get(video, ()))
    }

    def rank(one: tuple[str, int]) -> tuple[bool, bool, bool, int, str]:
        video, number = one
        here = held.get(video, set())
        lost = sum(
            1
            for other in frames[video] - here - {number}
            if abs(other - number) <= APART
            and not any(abs(other - already) <= APART for already in here)
        )
        near = any(abs(number - already) <= _FAR for already in here)
        share = len(here) / len(frames[video])
        return share >= HELD_OUT_PART, lost > _CHEAP, near, lost, _digest(*one)

    while free and sum(map(len, held.values())) < wanted:
        best = min(free, key=rank)
        free.remove(best)
        held.setdefault(best[0], set()).add(best[1])
    return _joined(chosen, held)


def _joined(
    chosen: Mapping[str, Collection[int]], held: Mapping[str, set[int]]
) -> dict[str, set[int]]:
    both = {v: {*chosen.get(v, ()), *held.get(v, ())} for v in {**chosen, **held}}
    return {video: numbers for video, numbers in both.items() if numbers}


def _digest(video: str, number: int) -> str:
    return hashlib.sha1(f"{video} {number}".encode()).hexdigest()
