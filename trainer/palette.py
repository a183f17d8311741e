"""Colours of the facial parts, shared by the window and every picture.

Okabe and Ito's set, which people with colour blindness can tell apart.
"""

GROUP_COLOURS: dict[str, tuple[int, int, int]] = {
    "jaw": (86, 180, 233),
    "brows": (230, 159, 0),
    "nose": (240, 228, 66),
    "eyes": (0, 200, 140),
    "mouth": (255, 105, 120),
}
"""Facial part to RGB, 0 … 255."""
