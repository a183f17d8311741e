import numpy as np

from trainer.peers.schemes import MESH_MIRROR, MESH_TO_68, mesh_to_68, to_68
from trainer.scheme import IBUG68


def test_every_landmark_has_mesh_points():
    assert len(MESH_TO_68) == 68
    assert all(0 <= point < 468 for row in MESH_TO_68 for point in row)
    assert all(row for row in MESH_TO_68)


def test_no_two_landmarks_are_the_same():
    assert len({frozenset(row) for row in MESH_TO_68}) == 68


def test_the_mirrored_mesh_gives_the_mirrored_landmarks():
    mirror = {**MESH_MIRROR, **{b: a for a, b in MESH_MIRROR.items()}}
    assert len(set(MESH_MIRROR.values())) == len(MESH_MIRROR)
    rng = np.random.default_rng(0)
    mesh = rng.random((478, 2)) * 100
    mirrored = mesh.copy()
    for point, other in mirror.items():
        mirrored[other] = (99 - mesh[point, 0], mesh[point, 1])
    np.testing.assert_allclose(
        mesh_to_68(mirrored), IBUG68.flip_landmarks(mesh_to_68(mesh), 100), rtol=1e-5
    )


def test_landmarks_are_means_of_their_mesh_points():
    mesh = np.zeros((2, 478, 2))
    mesh[:, 168], mesh[:, 6] = (2, 4), (4, 8)
    np.testing.assert_allclose(mesh_to_68(mesh)[:, 27], [[3, 6], [3, 6]])


def test_68_landmarks_stay_as_they_are_and_no_face_stays_none():
    points = np.ones((1, 68, 2), np.float32)
    assert to_68(points) is points
    assert to_68(np.empty((0, 0, 2), np.float32)).shape == (0, 68, 2)
