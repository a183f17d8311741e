"""One clip's person, place, light, camera and motion, and its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from trainer.heads.contour import landmarks_of
from trainer.heads.face_model import face_model
from trainer.heads.gl import HeadsError
from trainer.heads.hair import LOWEST_COLLAR, Surface, clothes, falling_hair, hair_cap
from trainer.heads.motion import FPS, Liveliness, Motion, Wander, turned_eyes
from trainer.heads.people import generator, make_person
from trainer.heads.pose import MESH_TO_CAMERA, PIVOT, Camera, Placement
from trainer.heads.renderer import Blob, Light, Look, Renderer
from trainer.heads.scenery import Lighting, Passer, Sensor, backdrop
from trainer.heads.styles import check_style, finished
from trainer.heads.visibility import visible_at
from trainer.heads.worn import glasses, mask
from trainer.pose import rotation_of

SETTINGS = ("common", "challenging")
TROUBLES = {"occluded": 0.2, "turned": 0.35, "blurred": 0.15, "dark": 0.15, "wild": 0.15}
"""What makes a clip challenging, two of these at a time, and how often."""

_FACE_MIDDLE = np.array([0.0, -1.5, 6.0])  # cm, mesh axes
_MIDDLE_FROM_PIVOT = (_FACE_MIDDLE - PIVOT) * MESH_TO_CAMERA
_KEPT = 0.7
"""How much of a face's swing, as the head turns about the neck, the camera follows."""

_FACE_SIZE = 19.0  # cm, brow to chin and ear to ear, with some room


@dataclass(frozen=True)
class HeadFrame:
    """One picture and its truth; see :class:`HeadClip` for the shapes without T."""

    image: np.ndarray
    contour: np.ndarray
    vertex: np.ndarray
    visible: np.ndarray
    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True)
class Moment:
    """Everything there is to draw at one time."""

    points: np.ndarray
    normals: np.ndarray
    placement: Placement
    camera: Camera
    light: Light
    window: tuple[float, float, float, float]
    blobs: tuple[Blob, ...]
    extra: tuple[Surface, ...]


class Scene:
    """A clip, or a place for stills, as drawn from its numbers.

    Raises
    ------
    HeadsError
        If there is no such style, or the pictures are too small.
    """

    def __init__(
        self,
        person: int,
        clip: int,
        *,
        size: int,
        seed: int,
        style: str,
        seconds: float,
        stills: bool = False,
    ) -> None:
        if size < 32 or size % 2:
            raise HeadsError(f"pictures of {size} pixels: give an even number of 32 or more")
        self.style = check_style(style)
        self.size = size
        self.person = make_person(person, seed)
        self.setting = SETTINGS[(person + clip) % 2]
        self._words = ("stills" if stills else "clip", seed, person, clip)
        rng = generator(*self._words)
        hard = self.setting == "challenging"
        chosen = rng.choice(list(TROUBLES), 2, replace=False, p=list(TROUBLES.values()))
        self.troubles = frozenset(map(str, chosen)) if hard else frozenset()
        self._model = face_model()
        self._motion = Motion(self._model, rng, _liveliness(rng, self.troubles, stills), seconds)
        self._light = Lighting(rng, "dark" in self.troubles, float(self.person.skin_mean.mean()))
        self._passer = None
        if "occluded" in self.troubles:
            hand = np.full(3, 0.4) if style == "infrared" else self.person.skin_mean
            self._passer = Passer(rng, hand, 1e9 if stills else seconds)
        poor = style == "infrared" or (hard and rng.random() < 0.6)
        self._sensor = Sensor.drawn(rng, poor)
        self._exposure = float(rng.uniform(0.6, 1.5)) / FPS if "blurred" in self.troubles else 0.0
        self._backdrop = backdrop(rng, 160 if stills else 384)
        self._see(rng)
        self._look = self._dressed(rng, seed)

    def frame(self, t: float, *, number: int = 0) -> HeadFrame:
        """The picture at ``t`` seconds; ``number`` seeds its noise."""
        renderer = _renderer(self.size)
        if renderer.owner is not self:
            renderer.dress(self._look, self._backdrop)
            renderer.owner = self
        moment = self.moment(t)
        image, depth = _draw(renderer, moment)
        contour, vertex, distance, _ = landmarks_of(moment.points, moment.placement, moment.camera)
        # A mask lies closer on the skin than the mesh is exact elsewhere.
        tolerance = 0.25 if self.style == "masked" else 0.6
        visible = visible_at(depth, contour, distance, renderer.scale, tolerance)
        if self._exposure:
            image = self._blurred(renderer, image, contour, t)
        rng = generator("noise", *self._words, number)
        yaw, pitch, roll = moment.placement.seen_angles()
        return HeadFrame(
            image=self._sensor.take(finished(image, self.style), rng),
            contour=contour.astype(np.float32),
            vertex=vertex.astype(np.float32),
            visible=visible,
            yaw=yaw,
            pitch=pitch,
            roll=roll,
        )

    def moment(self, t: float) -> Moment:
        """Where everything is at ``t`` seconds."""
        now = self._motion.at(t)
        points = self._model.expressed(self.person.shape, now.weights)
        turned_eyes(points, now.gaze)
        normals = self._model.normals(points)
        zoom = float(np.exp(self._zoom * self._drifts[0](t)))
        tremble = self._tremble * np.array([self._shakes[0](t), self._shakes[1](t)])
        middle = (self.size - 1) / 2
        centre = self._aim * self.size + middle + tremble
        camera = Camera(
            self._focal * zoom, (float(centre[0]), float(centre[1])), self.size, self.size
        )
        # Whoever films keeps the face in the picture, most of the time.
        swing = rotation_of(now.yaw, now.pitch, now.roll) @ _MIDDLE_FROM_PIVOT - _MIDDLE_FROM_PIVOT
        at = self._at + now.shift - _KEPT * swing * (1, 1, 0)
        lean = 0.3
        placement = Placement(
            now.yaw,
            now.pitch,
            now.roll,
            (float(at[0]), float(at[1]), float(at[2])),
            chest_yaw=lean * now.yaw + self._stance,
            chest_pitch=0.15 * now.pitch,
            chest_roll=0.2 * now.roll,
        )
        blobs: tuple[Blob, ...] = ()
        if self._passer is not None:
            blobs = (self._passer.at(t, placement.place(_FACE_MIDDLE[None])[0]),)
        extra: tuple[Surface, ...] = ()
        if self.style == "masked":
            extra = (mask(self._model, points, normals),)
        x, y = self._window[:2] - 0.5 * tremble / self.size
        side = self._window[2] / zoom**0.5
        window = (float(np.clip(x, 0, 1 - side)), float(np.clip(y, 0, 1 - side)), side, side)
        light = self._light.at(t)
        return Moment(points, normals, placement, camera, light, window, blobs, extra)

    def _blurred(
        self, renderer: Renderer, image: np.ndarray, landmarks: np.ndarray, t: float
    ) -> np.ndarray:
        """The exposure's mean: three pictures, each smeared along the head's own motion."""
        step = self._exposure / 3
        pictures, places = [], []
        for offset in (-step, step):
            moment = self.moment(t + offset)
            pictures.append(_draw(renderer, moment)[0])
            places.append(landmarks_of(moment.points, moment.placement, moment.camera)[1])
        rigid = np.arange(17, 48)
        total = np.zeros(image.shape, np.float32)
        motion, _ = cv2.estimateAffinePartial2D(
            places[0][rigid].astype(np.float32), places[1][rigid].astype(np.float32)
        )
        still = np.eye(2, 3)
        motion = still if motion is None else motion
        for picture in (pictures[0], image, pictures[1]):
            for share in (-1 / 6, 0.0, 1 / 6):  # the matrix spans two steps
                matrix = still + share * (motion - still)
                total += cv2.warpAffine(
                    picture, matrix, (self.size, self.size), borderMode=cv2.BORDER_REPLICATE
                )
        return np.rint(total / 9).astype(np.uint8)

    def _see(self, rng: np.random.Generator) -> None:
        """Choose the camera, how large the face is in the picture, and where."""
        share = rng.uniform(0.42, 0.74)
        self._focal = self.size * rng.uniform(1.3, 3.2)
        distance = self._focal * _FACE_SIZE / (share * self.size)
        # The pivot of the neck lies below and behind the face's middle.
        offset = PIVOT - _FACE_MIDDLE
        place = rng.uniform(-0.12, 0.12, 2) * distance * self.size / self._focal
        self._at = np.array([place[0], place[1] - offset[1], distance - offset[2]])
        self._aim = rng.uniform(-0.04, 0.04, 2)
        self._drifts = [Wander(rng, 0.3)]
        self._shakes = [Wander(rng, 4.0, 10) for _ in range(2)]
        hand_held = rng.random() < 0.5
        self._tremble = self.size * (rng.uniform(0.001, 0.006) if hand_held else 0.0)
        self._zoom = rng.uniform(0.03, 0.15) if rng.random() < 0.3 else 0.0
        side = rng.uniform(0.5, 0.9)
        self._window = np.array([*rng.uniform(0.02, 0.98 - side, 2), side])
        self._stance = rng.normal(0, 8)

    def _dressed(self, rng: np.random.Generator, seed: int) -> Look:
        person = self.person
        collar, dip = rng.uniform(-12.5, -10.0), rng.choice([0.0, 1.5, 5.0])
        dip = min(dip, collar - LOWEST_COLLAR)
        cloth = clothes(self._model, person.shape, float(collar), float(dip))
        thing = rng.uniform(0.02, 0.25, 3) if rng.random() < 0.5 else np.full(3, 0.02)
        if self.style == "masked":
            options = np.array([[0.35, 0.55, 0.70], [0.8, 0.8, 0.8], [0.03, 0.03, 0.03]])
            thing = options[rng.choice(3, p=[0.55, 0.3, 0.15])]
        return Look(
            skin=person.skin,
            skin_mean=person.skin_mean,
            hair_colour=person.hair_colour,
            iris_colour=person.iris_colour,
            cloth_colour=rng.uniform(0.02, 0.75, 3) * rng.uniform(0.2, 1.0),
            thing_colour=thing,
            strands=float(generator("strands", seed, person.number).uniform(70, 130)),
            curl=person.hair.curl,
            shine=person.shine,
            surfaces=(*_worn(person.number, seed), *cloth),
            infrared=self.style == "infrared",
        )


def _draw(renderer: Renderer, moment: Moment) -> tuple[np.ndarray, np.ndarray]:
    return renderer.draw(
        moment.points,
        moment.normals,
        moment.placement,
        moment.camera,
        moment.light,
        window=moment.window,
        blobs=moment.blobs,
        extra=moment.extra,
    )


def _liveliness(rng: np.random.Generator, troubles: frozenset[str], stills: bool) -> Liveliness:
    speech = float(rng.uniform(0.5, 1.0)) if rng.random() < 0.8 else 0.0
    feeling = float(rng.uniform(0.3, 1.0))
    if "turned" in troubles or (stills and rng.random() < 0.45):
        middle = rng.uniform(-45, 45)
        yaw = (float(middle), float(rng.uniform(25, 75 - abs(middle) / 2)))
        pitch = (float(rng.uniform(-8, 8)), float(rng.uniform(5, 22)))
        roll = (float(rng.normal(0, 4)), float(rng.uniform(2, 18)))
        pace = float(rng.uniform(0.35, 0.8))
    elif rng.random() < 0.35:  # calm, to the camera
        yaw = (float(rng.normal(0, 6)), float(rng.uniform(2, 9)))
        pitch = (float(rng.normal(0, 5)), float(rng.uniform(1, 5)))
        roll = (float(rng.normal(0, 3)), float(rng.uniform(1, 4)))
        pace = float(rng.uniform(0.3, 0.7))
    else:
        yaw = (float(np.clip(rng.normal(0, 12), -20, 20)), float(rng.uniform(6, 18)))
        pitch = (float(rng.normal(0, 6)), float(rng.uniform(3, 12)))
        roll = (float(rng.normal(0, 4)), float(rng.uniform(2, 9)))
        pace = float(rng.uniform(0.4, 0.9))
    if "blurred" in troubles:
        pace *= 1.35
    return Liveliness(
        yaw, pitch, roll, pace, speech, feeling,
        shift=float(rng.uniform(0.3, 1.6)), wild="wild" in troubles,
    )  # fmt: skip


@lru_cache(maxsize=4)
def _renderer(size: int) -> Renderer:
    return Renderer(size, size)


@lru_cache(maxsize=8)
def _worn(person: int, seed: int) -> tuple[Surface, ...]:
    """Hair and glasses of a person: slow to make, the same in each clip."""
    who = make_person(person, seed)
    surfaces = []
    if who.hair.thickness > 0:
        surfaces.append(hair_cap(face_model(), who.shape, who.hair))
    if who.hair.length > 0:
        surfaces.append(falling_hair(who.shape, who.hair))
    if who.glasses is not None:
        surfaces.append(glasses(who.shape, *who.glasses))
    return tuple(surfaces)
