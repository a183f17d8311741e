"""Looks that no photograph-trained network has seen: drawn, infrared, masked."""

from __future__ import annotations

import cv2
import numpy as np

from trainer.heads.gl import HeadsError

STYLES = ("normal", "drawn", "infrared", "masked")


def check_style(style: str) -> str:
    """The style, if there is one of that name.

    Raises
    ------
    HeadsError
        If there is none.
    """
    if style not in STYLES:
        raise HeadsError(f"no style is called '{style}'; known: {', '.join(STYLES)}")
    return style


def finished(image: np.ndarray, style: str) -> np.ndarray:
    """A clean (H, W, 3) uint8 picture as the style wants it, before the camera's faults."""
    if style == "drawn":
        return _drawn(image)
    if style == "infrared":
        return _infrared(image)
    return image


def _drawn(image: np.ndarray) -> np.ndarray:
    """Few flat colours and dark outlines."""
    flat = cv2.bilateralFilter(cv2.bilateralFilter(image, 7, 40, 5), 7, 40, 5)
    hsv = cv2.cvtColor(flat, cv2.COLOR_RGB2HSV).astype(np.float32)
    value = hsv[..., 2] / 255
    hsv[..., 2] = 255 * (np.round(value * 6) / 6 * 0.85 + 0.15 * value)
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.35, 0, 255)
    flat = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
    wide = cv2.GaussianBlur(grey, (0, 0), 2.0)
    lines = np.clip((wide - grey - 3.0) / 5.0, 0, 1)
    gx, gy = cv2.Sobel(wide, cv2.CV_32F, 1, 0), cv2.Sobel(wide, cv2.CV_32F, 0, 1)
    lines = np.maximum(lines, np.clip((np.hypot(gx, gy) - 45) / 60, 0, 1))
    ink = flat * (1 - 0.85 * lines[..., None])
    return ink.astype(np.uint8)


def _infrared(image: np.ndarray) -> np.ndarray:
    """One channel, glowing a little."""
    grey = image.mean(axis=2).astype(np.float32)
    grey = np.maximum(grey, 0.75 * cv2.GaussianBlur(grey, (0, 0), 3.0))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
