"""The shading programs, in GLSL 3.30.

Everything is in camera axes (x right, y down, z away from the camera), cm; colours are
linear until the last line. A first pass notes down which surface each pixel shows, a second
one colours it: software drivers shade small triangles in blocks of 16 pixels, so that one
pass took three times as long. Pictures are drawn with their first row at the bottom of
OpenGL's window, which is the first row that is read back: nothing needs turning over.
"""

from __future__ import annotations

VERTEX = """
#version 330
in vec3 place;      // cm, mesh axes, relative to the neck's pivot
in vec3 normal;     // mesh axes
in vec2 uv;
in vec4 visibility; // constant and linear part
in float neck;      // 1 turns with the head, 0 with the chest
in float material;
uniform mat3 head;
uniform mat3 chest;
uniform vec3 at;
uniform vec4 camera;    // focal over half width and half height, centre in clip units
uniform vec3 local_key; // towards the light, mesh axes of the head
out vec3 v_place;
out vec3 v_mesh;
out vec3 v_normal;
out vec2 v_uv;
out vec4 v_light;  // part of the sky and of the key light that arrive; inside the edge
out float v_material;
void main() {
    vec3 flipped = vec3(place.x, -place.y, -place.z);
    vec3 facing = vec3(normal.x, -normal.y, -normal.z);
    v_place = mix(chest * flipped, head * flipped, neck) + at;
    v_normal = mix(chest * facing, head * facing, neck);
    v_mesh = place;
    v_uv = uv;
    float open = visibility.x + dot(visibility.yzw, vec3(0, 0.15, 0.1));
    float lit = visibility.x + dot(visibility.yzw, local_key);
    v_light = vec4(clamp(vec2(open, lit), 0.0, 1.0), visibility.x, 0.0);
    v_material = material;
    float near = 5.0, far = 500.0;
    float z = v_place.z;
    gl_Position = vec4(v_place.xy * camera.xy + camera.zw * z,
                       ((far + near) * z - 2.0 * far * near) / (far - near), z);
}
"""

SURFACE = """
#version 330
in vec3 v_place;
in vec3 v_mesh;
in vec3 v_normal;
in vec2 v_uv;
in vec4 v_light;
in float v_material;
layout(location = 0) out vec4 facing;   // normal, material
layout(location = 1) out vec4 surface;  // uv, open, lit
layout(location = 2) out vec4 position; // mesh axes, and cm away from the camera
%(cutouts)s
void main() {
    %(cut)s
    facing = vec4(v_normal, v_material);
    surface = vec4(v_uv, v_light.xy);
    position = vec4(v_mesh, v_place.z);
}
"""

NOISE = """
float hash(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}
float noise(vec2 p) {
    vec2 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash(i), hash(i + vec2(1, 0)), f.x),
               mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}
uniform vec4 hair_shape;   // strands, raggedness, curl, seed
vec2 strand(vec2 uv) {  // around the crown, and away from it
    return vec2(uv.x + hair_shape.z * 0.02 * noise(vec2(uv.x * 9.0, uv.y * 14.0)), uv.y);
}
"""

CUT = """
bool cut(int material) {
    if (material == 8) {  // hair, by how far inside its edge it is
        vec2 s = strand(v_uv);
        float ragged = 0.75 * noise(vec2(s.x * hair_shape.x * 3.5, s.y * 2.5 + hair_shape.w))
                     + 0.25 * noise(vec2(s.x * hair_shape.x * 0.3, hair_shape.w));
        return v_light.z < ragged * hair_shape.y;
    }
    if (material == 9 || material == 12) return v_light.z < 1.0;  // collar, hem of a mask
    return fract(v_uv.x * 40.0) > 0.2;  // lashes
}
"""

FRAGMENT = """
#version 330
in vec2 corner_uv;
uniform sampler2D facing_texture;
uniform sampler2D surface_texture;
uniform sampler2D position_texture;
uniform sampler2D backdrop;
uniform sampler2D skin_texture;
uniform vec4 window;         // part of the backdrop that is seen
uniform vec4 camera;
uniform vec3 skin_mean;      // linear
uniform vec3 hair_colour;
uniform vec3 cloth_colour;
uniform vec3 iris_colour;
uniform vec3 thing_colour;   // glasses, mask
uniform vec3 key_from;       // unit, towards the light, camera axes
uniform vec3 key_colour;
uniform vec3 sky;
uniform vec3 ground;
uniform vec3 side_light;     // added towards +x, taken away towards -x
uniform float shine;
uniform float exposure;
uniform float infrared;
layout(location = 0) out vec4 colour;
layout(location = 1) out float depth;
%(noise)s
vec3 textured(vec2 uv) {
    vec3 c = textureLod(skin_texture, vec2(uv.x, 1.0 - uv.y), 0.0).rgb;
    return pow(c, vec3(2.2));
}
void main() {
    ivec2 here = ivec2(gl_FragCoord.xy);
    vec4 facing = texelFetch(facing_texture, here, 0);
    if (facing.w < -0.5) {
        colour = vec4(texture(backdrop, window.xy + window.zw * corner_uv).rgb, 1.0);
        depth = 1e6;
        return;
    }
    vec4 surface = texelFetch(surface_texture, here, 0);
    vec4 position = texelFetch(position_texture, here, 0);
    int material = int(facing.w + 0.5);
    vec2 v_uv = surface.xy;
    float open = surface.z, lit = surface.w;
    vec3 v_mesh = position.xyz;
    depth = position.w;
    vec2 clip = corner_uv * 2.0 - 1.0;
    vec3 view = -normalize(vec3((clip - camera.zw) / camera.xy, 1.0));
    vec3 n = normalize(facing.xyz);
    if (dot(n, view) < 0.0 && (material == 8 || material == 9)) n = -n;
    vec3 albedo = skin_mean, wrap = vec3(0.0);
    float gloss = 0.0, power = 16.0;
    if (material == 0) {
        if (v_uv.x < 1.0) albedo = textured(v_uv);
        albedo *= 0.96 + 0.08 * noise(v_uv * 700.0);
        open = max(open, 0.4); lit = max(lit, 0.15);  // thin folds let light through
        wrap = vec3(0.34, 0.16, 0.10);
        gloss = shine; power = 22.0;
    } else if (material == 1) {
        wrap = vec3(0.34, 0.16, 0.10);
        gloss = shine; power = 22.0;
    } else if (material == 2) {
        albedo = vec3(0.24, 0.07, 0.06);
        open = 0.55 * smoothstep(2.0, 12.0, v_mesh.z); lit = 0.5 * open;
    } else if (material == 3) {
        albedo = skin_mean * vec3(0.75, 0.5, 0.45); wrap = vec3(0.2);
    } else if (material == 4) {
        albedo = vec3(0.42, 0.15, 0.14); gloss = 0.1; power = 40.0;
        open = 0.7 * smoothstep(4.0, 12.5, v_mesh.z); lit = 0.6 * open;
    } else if (material == 5) {
        albedo = vec3(0.74, 0.70, 0.60); gloss = 0.12; power = 60.0;
        float back = smoothstep(7.5, 12.0, v_mesh.z);
        open = 0.75 * back; lit = 0.6 * back;
    } else if (material == 6) {
        float r = length(v_uv);
        float a = atan(v_uv.y, v_uv.x);
        vec3 white = mix(vec3(0.66, 0.62, 0.60), vec3(0.55, 0.40, 0.37),
                         smoothstep(0.45, 0.95, r));
        float fibres = 0.7 + 0.5 * noise(vec2(a * 14.0, r * 9.0));
        vec3 iris = iris_colour * fibres * (1.35 - 0.55 * smoothstep(0.12, 0.36, r));
        iris = mix(iris, iris * 0.25, smoothstep(0.32, 0.385, r));
        albedo = mix(iris, white, smoothstep(0.365, 0.405, r));
        albedo = mix(vec3(0.008), albedo, smoothstep(0.135, 0.165, r));
        open = mix(0.35, 0.85, open); lit = mix(0.25, 0.8, lit);
        gloss = 0.9; power = 260.0; wrap = vec3(0.2);
    } else if (material == 7) {
        albedo = hair_colour * 0.25;
    } else if (material == 8) {
        vec2 s = strand(v_uv);
        float fine = noise(vec2(s.x * hair_shape.x * 3.5, s.y * 4.0));
        float coarse = noise(vec2(s.x * hair_shape.x * 0.5, s.y * 1.5 + 7.0));
        albedo = hair_colour * (0.25 + 0.95 * fine * fine + 0.55 * coarse);
        n = normalize(n + 0.5 * (coarse - 0.5) * vec3(1, 0, 0));
        gloss = 0.10 * fine; power = 14.0; wrap = vec3(0.3);
        open = 0.85; lit = 0.9;
    } else if (material == 9) {
        float weave = 0.9 + 0.2 * noise(v_mesh.xy * 5.0);
        float folds = noise(vec2(v_mesh.x * 0.35 + 3.0, v_mesh.y * 0.16));
        albedo = cloth_colour * weave * (0.75 + 0.5 * folds);
        wrap = vec3(0.25); open = 0.9; lit = 0.9;
    } else if (material == 11) {
        albedo = thing_colour; gloss = 0.35; power = 40.0; open = 0.9; lit = 0.9;
    } else if (material == 12) {
        albedo = thing_colour * (0.93 + 0.10 * step(0.5, fract(v_mesh.y * 0.45)));
        wrap = vec3(0.35); open = 0.9; lit = 0.95;
    }
    if (infrared > 0.5) {
        float g = dot(albedo, vec3(0.45, 0.35, 0.2));
        if (material <= 1) g = 0.42 + 0.5 * (g - dot(skin_mean, vec3(0.45, 0.35, 0.2)));
        if (material == 6) g *= 0.35;
        if (material == 8) g = 0.18 + 0.4 * g;
        albedo = vec3(max(g, 0.0));
        gloss *= 0.7;
    }
    vec3 diffuse = clamp((dot(n, key_from) + wrap) / (1.0 + wrap), 0.0, 1.0);
    vec3 around = mix(sky, ground, 0.5 + 0.5 * n.y) + side_light * n.x;
    vec3 light = max(around, 0.02) * open * sqrt(open) + key_colour * diffuse * lit;
    // Light that has bounced in the skin's own folds is red.
    if (material == 0) light *= mix(vec3(1.0), vec3(1.10, 0.93, 0.88), 1.0 - open);
    vec3 half_way = normalize(key_from + view);
    float fresnel = 0.3 + 0.7 * pow(1.0 - clamp(dot(n, view), 0.0, 1.0), 3.0);
    float spark = pow(clamp(dot(n, half_way), 0.0, 1.0), power);
    vec3 result = albedo * light + key_colour * gloss * fresnel * spark * lit;
    result *= exposure;
    result = result / (1.0 + 0.25 * result);
    colour = vec4(pow(clamp(result, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}
"""

SCREEN = """
#version 330
in vec2 corner;
out vec2 corner_uv;
void main() {
    corner_uv = corner * 0.5 + 0.5;
    gl_Position = vec4(corner, 0.0, 1.0);
}
"""


def surface_shader(ragged: bool) -> str:
    """The first pass; ``ragged`` for hair and lashes, which have holes."""
    text = SURFACE.replace("%(cutouts)s", NOISE + CUT if ragged else "")
    return text.replace("%(cut)s", "if (cut(int(v_material + 0.5))) discard;" if ragged else "")


def shading_shader() -> str:
    """The second pass, over the whole picture."""
    return FRAGMENT.replace("%(noise)s", NOISE)
