"""How much of the sky each vertex sees, from depth pictures taken all around the head."""

from __future__ import annotations

import numpy as np

from trainer.heads.gl import depth_picture, open_context
from trainer.heads.mesh import triangles_of

_SIDE = 320
_BIAS = 0.25  # cm


def baked_visibility(
    points: np.ndarray, normals: np.ndarray, polygons: np.ndarray, directions: int = 160
) -> np.ndarray:
    """Directional visibility of each vertex, as a constant and a linear part.

    Parameters
    ----------
    points, normals : (V, 3) float32, cm and unit vectors
    polygons : (P, 4) vertex indices, -1 pads triangles
    directions : how many directions light is tried from

    Returns
    -------
    (V, 4) float32: first the part of the light above the surface that arrives, 0 to 1;
    then a vector that leans to where it comes from, so that light from the unit vector l
    arrives as ``clip(first + rest @ l, 0, 1)``.
    """
    n = np.arange(directions) + 0.5
    z = 1 - 2 * n / directions
    phi = np.pi * (1 + 5**0.5) * n
    ring = np.sqrt(1 - z**2)
    lights = np.stack([ring * np.cos(phi), ring * np.sin(phi), z], axis=1)
    context = open_context()
    triangles = triangles_of(polygons)
    seen = np.empty((directions, len(points)), np.float32)
    above = np.empty_like(seen)
    for k, light in enumerate(lights):
        side = np.cross(light, (0, 1, 0) if abs(light[1]) < 0.9 else (1, 0, 0))
        side /= np.linalg.norm(side)
        basis = np.stack([side, np.cross(light, side), light])
        # Looking along -light: the third coordinate grows towards the light.
        place = (points - points.mean(axis=0)) @ basis.T
        reach = 1.05 * np.abs(place).max()
        clip = place / reach * (1, 1, -1)
        depth = depth_picture(context, clip.astype(np.float32), triangles, _SIDE)
        x, y = np.clip(((clip[:, :2] + 1) / 2 * _SIDE).astype(int), 0, _SIDE - 1).T
        seen[k] = clip[:, 2] < depth[y, x] + _BIAS / reach
        above[k] = np.clip(normals @ light + 0.15, 0, 1)
    total = np.maximum(above.sum(axis=0), 1e-6)
    mean = (seen * above).sum(axis=0) / total
    # Weighted least squares of seen on (1, light), vertex by vertex.
    design = np.column_stack([np.ones(directions), lights])
    gram = np.einsum("kv,ki,kj->vij", above, design, design) + 0.5 * np.eye(4)
    right = np.einsum("kv,ki->vi", above * (seen - mean), design)
    slope = np.linalg.solve(gram, right[..., None])[..., 0]
    return np.column_stack([mean + slope[:, 0], slope[:, 1:]]).astype(np.float32)
