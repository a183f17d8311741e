"""Where the 68 landmarks are on a head: a neutral, average face in centimetres.

The points are vertices of ICT-FaceKit's neutral mesh (https://github.com/ICT-VGL/ICT-FaceKit),
moved so that the middle between the outer eye corners is the origin. Their licence:

MIT License

Copyright (c) 2020 USC Institute for Creative Technologies

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

from __future__ import annotations

import numpy as np

FACE_3D = np.array(
    (
    (-7.36, 0.24, -4.95), (-7.28, -1.94, -4.68), (-6.94, -3.89, -4.07), (-6.56, -5.79, -3.43),
    (-5.72, -7.92, -2.48), (-4.30, -9.64, -1.26), (-3.05, -10.34, 0.17), (-1.54, -10.69, 1.67),
    (0.00, -11.00, 1.83), (1.54, -10.69, 1.67), (3.05, -10.34, 0.17), (4.30, -9.64, -1.26),
    (5.72, -7.92, -2.48), (6.56, -5.79, -3.43), (6.94, -3.89, -4.07), (7.28, -1.94, -4.68),
    (7.36, 0.24, -4.95), (-5.82, 1.77, -0.69), (-4.93, 2.54, 0.39), (-3.79, 2.82, 1.22),
    (-2.41, 2.76, 1.88), (-1.17, 2.48, 2.12), (1.17, 2.48, 2.12), (2.41, 2.76, 1.88),
    (3.79, 2.82, 1.22), (4.93, 2.54, 0.39), (5.82, 1.77, -0.69), (0.00, 0.31, 2.13),
    (0.00, -0.80, 2.91), (0.00, -1.82, 3.70), (0.00, -3.03, 4.47), (-1.25, -4.58, 2.27),
    (-0.60, -4.57, 2.82), (0.00, -4.64, 2.96), (0.60, -4.57, 2.82), (1.25, -4.58, 2.27),
    (-4.46, 0.00, 0.00), (-3.87, 0.44, 0.76), (-2.78, 0.50, 0.93), (-1.84, -0.18, 0.59),
    (-2.73, -0.35, 0.81), (-3.86, -0.36, 0.63), (1.84, -0.18, 0.59), (2.78, 0.50, 0.93),
    (3.87, 0.44, 0.76), (4.46, 0.00, 0.00), (3.86, -0.36, 0.63), (2.73, -0.35, 0.81),
    (-2.53, -6.95, 1.58), (-1.70, -6.21, 2.62), (-0.73, -5.85, 3.13), (0.00, -5.91, 3.24),
    (0.73, -5.85, 3.13), (1.70, -6.21, 2.62), (2.53, -6.95, 1.58), (1.80, -7.49, 2.30),
    (1.03, -7.73, 2.79), (0.00, -7.81, 2.95), (-1.03, -7.73, 2.79), (-1.80, -7.49, 2.30),
    (-2.21, -6.92, 1.52), (-1.00, -6.73, 2.48), (0.00, -6.76, 2.68), (1.00, -6.73, 2.48),
    (2.21, -6.92, 1.52), (1.07, -6.81, 2.44), (0.00, -6.83, 2.65), (-1.07, -6.81, 2.44),
    )
)  # fmt: skip
"""(68, 3) float64, centimetres: x to the image's right, y up, z out of the face."""
