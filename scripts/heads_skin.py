"""From frontal photographs to skin textures on the face model (for make_heads_data.py).

For each photograph: 68 landmarks by the project's own network, averaged with those of its
mirror image; the model fitted to them; the photo bent so that its landmarks lie exactly on
the model's; its light divided out; and the result laid onto the model's texture plane.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
from heads_fit import FaceModel, fit, photo_landmarks
from matplotlib.path import Path as MarkedPath
from scipy.interpolate import RBFInterpolator

from trainer.heads.mesh import smooth_normals, triangles_of

SIDE = 384
DROPPED = ("003_03", "143_03")
"""A fringe hides their brows."""
WORST_FIT = 6.0  # pixels; of a 640-pixel photo


class TexturePlane:
    """Which point of the face's surface each texel of the face's own tile shows."""

    def __init__(self, model: FaceModel) -> None:
        triangles = triangles_of(model.drawn)
        vertices = model.drawn_vertices[triangles]
        uv = model.uv[triangles]
        ours = (vertices < 9409).all(axis=1) & (uv <= 1.0).all(axis=(1, 2))
        self.vertices = np.full((SIDE, SIDE, 3), -1, np.int64)
        self.weights = np.zeros((SIDE, SIDE, 3), np.float32)
        for corner_vertices, corner_uv in zip(vertices[ours], uv[ours], strict=True):
            place = np.column_stack([corner_uv[:, 0], 1 - corner_uv[:, 1]]) * SIDE - 0.5
            x0, y0 = np.maximum(np.floor(place.min(axis=0) - 1).astype(int), 0)
            x1, y1 = np.minimum(np.ceil(place.max(axis=0) + 1).astype(int), SIDE - 1)
            x, y = np.meshgrid(np.arange(x0, x1 + 1), np.arange(y0, y1 + 1))
            matrix = np.vstack([place.T, np.ones(3)])
            if abs(np.linalg.det(matrix)) < 1e-9:
                continue
            inside = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(matrix).T
            hit = (inside > -0.02).all(axis=-1)
            self.vertices[y[hit], x[hit]] = corner_vertices
            self.weights[y[hit], x[hit]] = inside[hit]
        self.used = self.vertices[..., 0] >= 0

    def lay(self, values: np.ndarray) -> np.ndarray:
        """(SIDE, SIDE, D) of (V, D) values at vertices."""
        return np.einsum("yxk,yxkd->yxd", self.weights, values[self.vertices])


def even_light(colour: np.ndarray, normals: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Divide a fitted first-order light out of (N, 3) linear colours, by what is ``seen``."""
    terms = np.column_stack([np.ones(len(normals)), normals])
    grey = np.log(np.maximum(colour.mean(axis=1), 1e-3))
    chosen = seen.copy()
    for _ in range(5):
        a = terms[chosen]
        light = np.linalg.solve(a.T @ a + 2.0 * np.eye(4), a.T @ grey[chosen])
        rest = grey - terms @ light
        chosen = seen & (np.abs(rest) < 0.25)
    shade = terms @ light
    middle = np.median(shade[chosen])
    return colour * np.exp(np.clip(0.8 * (middle - shade), -0.4, 0.6))[:, None]


def fill(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Push-pull: (S, S, 3) where ``weight`` (S, S) is 1, smooth continuation where it is 0."""
    levels = [(image * weight[..., None], weight)]
    while levels[-1][0].shape[0] > 6:
        colour, mass = levels[-1]
        size = (colour.shape[1] // 2, colour.shape[0] // 2)
        levels.append(
            (
                cv2.resize(colour, size, interpolation=cv2.INTER_AREA),
                cv2.resize(mass, size, interpolation=cv2.INTER_AREA),
            )
        )
    colour, mass = levels[-1]
    filled = colour / np.maximum(mass, 1e-4)[..., None]
    for colour, mass in levels[-2::-1]:
        filled = cv2.resize(filled, colour.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        filled = colour + filled * (1 - np.minimum(mass, 1))[..., None]
    return filled


def smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def skin(
    model: FaceModel, plane: TexturePlane, image: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(S, S, 3) uint8 sRGB texture, (3,) linear mean skin, (K,) identity, fit's rms pixels."""
    identity, placed, seen, rms = fit(model, points)
    targets = seen[model.landmarks]
    # Lips meet in a photo: their inner landmarks would tear the bending.
    used = [n for n in range(68) if n not in (60, 61, 62, 63, 64, 65, 66, 67)]
    frame = np.array([(x, y) for x in (0, 320, 639) for y in (0, 320, 639) if (x, y) != (320, 320)])
    bend = RBFInterpolator(
        np.vstack([targets[used], frame]),
        np.vstack([(points - targets)[used], np.zeros_like(frame)]),
        smoothing=1.0,
    )
    normals = smooth_normals((placed * (1, -1, -1)).astype(np.float32), model.faces)
    place = plane.lay(seen.astype(np.float32))
    normal = plane.lay(normals)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    rest = plane.lay(model.neutral)
    grid = np.stack(np.meshgrid(np.arange(0, 641, 16), np.arange(0, 641, 16)), -1).astype(float)
    offsets = bend(grid.reshape(-1, 2)).reshape(*grid.shape).astype(np.float32)
    dense = cv2.remap(offsets, place[..., 0] / 16, place[..., 1] / 16, cv2.INTER_LINEAR)
    where = (place + dense).astype(np.float32)
    linear = (image / 255.0).astype(np.float32) ** 2.2
    colour = cv2.remap(linear, where[..., 0], where[..., 1], cv2.INTER_LINEAR)
    facing = smooth_step(normal[..., 2], 0.25, 0.6) * plane.used
    colour = even_light(
        colour.reshape(-1, 3), normal.reshape(-1, 3), (facing > 0.7).ravel()
    ).reshape(colour.shape)
    # The skin's colour: the cheeks and the nose.
    cheek = (facing > 0.7) & (np.abs(rest[..., 0]) < 5.5) & (rest[..., 1] > -1.5)
    cheek &= (rest[..., 1] < 2.2) & (rest[..., 2] > 7)
    mean = np.percentile(colour[cheek], 40, axis=0)
    # Outside the face proper, whatever isn't skin-coloured is hair, cloth or background.
    ratio = np.log(np.maximum(colour, 1e-3) / mean)
    strange = smooth_step(np.abs(ratio).max(axis=-1), 0.45, 0.8)
    proper = smooth_step(7.4 - rest[..., 1], 0.0, 1.0) * smooth_step(rest[..., 2], 4.5, 7.0)
    proper *= smooth_step(rest[..., 1], -8.5, -7.2)
    strange = cv2.GaussianBlur(cv2.dilate(strange * (1 - proper), np.ones((9, 9))), (0, 0), 3)
    inside = smooth_step(rest[..., 2], 1.0, 6.0) * smooth_step(rest[..., 1], -8.6, -7.4)
    inside *= smooth_step(11.0 - rest[..., 1], 0, 1.5)
    sure = facing * inside * np.clip(1 - 1.6 * strange, 0, 1)
    mirrored, sure_mirrored = colour[:, ::-1], sure[:, ::-1]
    both = (colour * sure[..., None] + mirrored * (sure_mirrored * (1 - sure))[..., None]) / (
        np.maximum(sure + sure_mirrored * (1 - sure), 1e-4)[..., None]
    )
    known = sure + sure_mirrored * (1 - sure)
    border = np.zeros((SIDE, SIDE), np.float32)
    # Far from the face (neck, back of the head, tile's edge) everything is the mean colour.
    border[(rest[..., 1] < -12) | (rest[..., 2] < 0) | ~plane.used] = 1
    border[:6] = border[-6:] = border[:, :6] = border[:, -6:] = 1
    sources = np.where(border[..., None] > 0, mean, both).astype(np.float32)
    trusted = np.maximum(border, known * (1 - border)).astype(np.float32)
    texture = fill(sources, trusted)
    texture = np.clip(texture, 0, 1) ** (1 / 2.2)
    return np.round(255 * texture).astype(np.uint8), mean, identity, rms


def regions(model: FaceModel, plane: TexturePlane) -> np.ndarray:
    """(S, S, 3) uint8: how much each texel belongs to beard, lips and brows."""
    rest = plane.lay(model.neutral)
    x, y, z = (rest[..., k] for k in range(3))
    marks = model.neutral[model.landmarks]
    flat = rest[..., :2].reshape(-1, 2)
    lips = MarkedPath(marks[48:60, :2]).contains_points(flat).reshape(SIDE, SIDE) & (z > 9)
    lips |= plane.used & (np.abs(x) < 2.2) & (z > 9.5) & (y < -2.6) & (y > -4.1)
    brows = np.zeros((SIDE, SIDE), bool)
    for part in (marks[17:22], marks[22:27]):
        ring = np.vstack([part[:, :2] + (0, 0.45), part[::-1, :2] - (0, 0.5)])
        brows |= MarkedPath(ring).contains_points(flat).reshape(SIDE, SIDE) & (z > 6)
    side = np.abs(x)
    cheek = np.where(side < 2.6, -1.5, -3.3 + 0.85 * (side - 2.6))
    beard = smooth_step(cheek - y, 0.0, 1.2) * smooth_step(y, -9.4, -8.0)
    beard *= smooth_step(z, 2.0, 4.0) * plane.used
    lips = cv2.GaussianBlur(lips.astype(np.float32), (0, 0), 1.5)
    brows = cv2.GaussianBlur(brows.astype(np.float32), (0, 0), 2.0)
    beard = cv2.GaussianBlur(
        (beard * (1 - np.minimum(1.4 * lips, 1))).astype(np.float32), (0, 0), 2
    )
    return np.round(255 * np.stack([beard, lips, brows], axis=-1)).astype(np.uint8)


def make_skins(london: Path, out: Path, cache: Path | None = None) -> None:
    """Write out/skins/NNN.webp, out/people.npz and a credit for every usable photograph."""
    model = FaceModel(out / "face_model.npz")
    plane = TexturePlane(model)
    cv2.imwrite(str(out / "regions.png"), regions(model, plane)[:, :, ::-1])
    files = sorted((london / "neutral_front").glob("*.jpg"))
    images = {f.stem: cv2.imread(str(f))[:, :, ::-1].copy() for f in files}
    landmarks = photo_landmarks(images, cache)
    folder = out / "skins"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names, means, identities = [], [], []
    for name, image in images.items():
        if name not in landmarks:
            print(f"{name}: no face found")
            continue
        texture, mean, identity, rms = skin(model, plane, image, landmarks[name])
        if rms > WORST_FIT or name in DROPPED:
            print(f"{name}: left out, fit {rms:.1f} pixels")
            continue
        stem = name.partition("_")[0]
        ok, packed = cv2.imencode(".webp", texture[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 82])
        if not ok:
            raise RuntimeError(f"{name}: can't be packed")
        (folder / f"{stem}.webp").write_bytes(packed.tobytes())
        names.append(stem)
        means.append(mean)
        identities.append(identity)
        print(f"{name}: fit {rms:.2f} pixels, {len(packed) / 1000:.1f} kB")
    np.savez_compressed(
        out / "people.npz",
        name=np.array(names),
        skin=np.array(means, np.float32),
        identity=np.array(identities, np.float16),
    )
