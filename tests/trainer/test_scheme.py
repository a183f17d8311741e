"""Landmark schemes: what a mirrored face, a group and a subset are."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.scheme import (
    IBUG68,
    POINTS7,
    SUBSET_7,
    LandmarkScheme,
    SchemeError,
    scheme_for,
    subset_7,
)

BOTH = pytest.mark.parametrize("scheme", [IBUG68, POINTS7], ids=lambda scheme: scheme.name)


@BOTH
def test_flip_twice_changes_nothing(scheme: LandmarkScheme) -> None:
    assert sorted(scheme.flip) == list(range(scheme.n_landmarks))
    assert [scheme.flip[i] for i in scheme.flip] == list(range(scheme.n_landmarks))
    points = np.random.default_rng(0).uniform(0, 99, (4, scheme.n_landmarks, 2))
    twice = scheme.flip_landmarks(scheme.flip_landmarks(points, 100), 100)
    np.testing.assert_allclose(twice, points)


@BOTH
def test_groups_hold_every_landmark_once(scheme: LandmarkScheme) -> None:
    members = [index for indices in scheme.groups.values() for index in indices]
    assert sorted(members) == list(range(scheme.n_landmarks))
    names = scheme.group_of()
    assert len(names) == scheme.n_landmarks
    assert all(index in scheme.groups[name] for index, name in enumerate(names))


@BOTH
def test_flip_stays_within_the_facial_part(scheme: LandmarkScheme) -> None:
    names = scheme.group_of()
    assert all(names[i] == names[scheme.flip[i]] for i in range(scheme.n_landmarks))


@BOTH
def test_mirrored_contours_are_the_same_lines(scheme: LandmarkScheme) -> None:
    def segments(mirror: bool) -> set[frozenset[int]]:
        found = set()
        for indices, closed in scheme.contours:
            ends = [*indices[1:], *indices[:1]] if closed else list(indices[1:])
            for pair in zip(indices, ends, strict=False):
                found.add(frozenset(scheme.flip[i] for i in pair) if mirror else frozenset(pair))
        return found

    assert segments(mirror=True) == segments(mirror=False)


@BOTH
def test_eye_corners_mirror_onto_each_other(scheme: LandmarkScheme) -> None:
    first, second = scheme.eye_corners
    assert scheme.flip[first] == second
    assert {scheme.group_of()[first], scheme.group_of()[second]} == {"eyes"}


def test_mirrored_face_by_hand() -> None:
    # A 100 pixels wide picture; pixel 0 becomes pixel 99.
    face = np.zeros((68, 2), np.float32)
    face[36] = 10, 50  # outer corner of the eye on the image's left
    face[45] = 80, 51  # outer corner of the other eye
    face[48] = 30, 90  # mouth corner on the image's left
    face[54] = 60, 91
    face[8] = 40, 99  # chin
    face[0], face[16] = (2, 40), (97, 41)  # ends of the jaw
    mirrored = IBUG68.flip_landmarks(face, 100)
    assert mirrored[36].tolist() == [19, 51]  # still the eye on the left, once the right one
    assert mirrored[45].tolist() == [89, 50]
    assert mirrored[48].tolist() == [39, 91]
    assert mirrored[54].tolist() == [69, 90]
    assert mirrored[8].tolist() == [59, 99]
    assert mirrored[0].tolist() == [2, 41]
    assert mirrored[16].tolist() == [97, 40]
    assert face[36].tolist() == [10, 50], "the input is left as it was"


def test_unlabelled_landmarks_mirror_with_their_partner() -> None:
    face = np.zeros((68, 2), np.float32)
    face[36] = np.nan
    mirrored = IBUG68.flip_landmarks(face, 100)
    assert np.isnan(mirrored[45]).all()
    assert np.isfinite(mirrored[36]).all()


def test_subset_7_picks_and_mirrors_like_the_7_point_scheme() -> None:
    face = np.random.default_rng(1).uniform(0, 99, (2, 68, 2))
    assert subset_7(face).shape == (2, 7, 2)
    np.testing.assert_array_equal(subset_7(face)[:, 4], face[:, 30])
    np.testing.assert_allclose(
        subset_7(IBUG68.flip_landmarks(face, 100)), POINTS7.flip_landmarks(subset_7(face), 100)
    )
    assert [IBUG68.group_of()[i] for i in SUBSET_7] == POINTS7.group_of()


def test_scheme_for_knows_68_and_7_and_names_them_otherwise() -> None:
    assert scheme_for(68) is IBUG68
    assert scheme_for(7) is POINTS7
    with pytest.raises(SchemeError, match=r"66 landmarks.*7, 68"):
        scheme_for(66)
