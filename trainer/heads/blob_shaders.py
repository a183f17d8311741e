"""The shading programs of hands and things in front of a face, drawn as flat shapes."""

from __future__ import annotations

BLOB_VERTEX = """
#version 330
in vec2 corner;
uniform vec4 camera;
uniform vec3 middle;   // cm, camera axes
uniform vec2 size;     // half width and height, cm
uniform float angle;
out vec2 v_here;
out float v_depth;
void main() {
    v_here = corner * size;
    float c = cos(angle), s = sin(angle);
    vec3 place = middle + vec3(c * v_here.x - s * v_here.y, s * v_here.x + c * v_here.y, 0.0);
    float near = 5.0, far = 500.0, z = place.z;
    v_depth = z;
    gl_Position = vec4(place.xy * camera.xy + camera.zw * z,
                       ((far + near) * z - 2.0 * far * near) / (far - near), z);
}
"""

BLOB_FRAGMENT = """
#version 330
in vec2 v_here;
in float v_depth;
uniform int kind;      // 0 hand, 1 bar, 2 microphone, 3 cup
uniform vec2 size;
uniform vec3 blob_colour;
uniform vec3 light;
uniform float seed;
layout(location = 0) out vec4 colour;
layout(location = 1) out float depth;
float capsule(vec2 p, vec2 a, vec2 b, float r) {
    vec2 d = b - a;
    float t = clamp(dot(p - a, d) / dot(d, d), 0.0, 1.0);
    return length(p - a - d * t) - r;
}
float join(float a, float b) {
    float h = clamp(0.5 + 0.5 * (b - a) / 0.5, 0.0, 1.0);
    return mix(b, a, h) - 0.5 * h * (1.0 - h);
}
void main() {
    vec2 p = v_here;
    float d = 1e3, fingers = 1e3, dark = 0.0;
    if (kind == 0) {
        d = capsule(p, vec2(-0.3, 2.0), vec2(0.5, 3.4), 3.4);
        d = join(d, capsule(p, vec2(0.0, 4.0), vec2(0.8, 14.0), 2.7));
        for (int k = 0; k < 4; k++) {
            float x = -2.9 + 1.9 * float(k);
            float bend = 0.25 * sin(seed + float(k) * 0.6);
            float reach = -6.6 + 0.5 * abs(float(k) - 1.4) + bend;
            float f = capsule(p, vec2(x * 0.95, 1.2), vec2(x * 1.12 + bend, reach), 0.80);
            dark = max(dark, smoothstep(0.25, 0.0, abs(f)) * step(d, 0.6));
            fingers = min(fingers, f);
        }
        fingers = min(fingers, capsule(p, vec2(-2.6, 3.0), vec2(-5.6, -0.6), 0.95));
        d = min(d, fingers);
    } else if (kind == 1) {
        vec2 q = abs(p) - size * vec2(0.96, 0.9);
        d = max(q.x, q.y);
    } else if (kind == 2) {
        d = length(p - vec2(0, -size.y + 2.6)) - 2.3;
        float stick = capsule(p, vec2(0, -size.y + 3.0), vec2(0, size.y), 1.1);
        dark = step(d, 0.0) * 0.5 * step(0.5, fract(p.x * 2.2)) * step(0.5, fract(p.y * 2.2));
        d = min(d, stick);
    } else {
        vec2 q = abs(p - vec2(0, 0)) - vec2(3.6 - 0.08 * p.y, 4.6);
        d = max(q.x, q.y);
        d = min(d, abs(length((p - vec2(4.0, 0)) * vec2(1.0, 0.8)) - 2.0) - 0.4);
    }
    if (d > 0.0) discard;
    depth = v_depth;
    float inner = kind == 0 ? min(-d, 1.1) / 1.1 : min(-d, 2.0) / 2.0;
    vec3 c = blob_colour * light * (0.45 + 0.55 * sqrt(inner)) * (1.0 - 0.35 * dark);
    if (kind == 0) c *= mix(vec3(1.0), vec3(1.15, 0.85, 0.8), 1.0 - inner);
    colour = vec4(pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}
"""
