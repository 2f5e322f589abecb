"""Finish and focus: what happens to a picture after it is made. Each operator takes (frame, image, mask)."""

import cv2
import numpy as np

from .frame import blur, colour, from_hsv, luma, mix, to_hsv


def grain(frame, image, mask):
    corners = 1 - 0.45 * np.clip(1 - frame.glow(0.5, 0.5, 0.55), 0, 1)
    return (0.9 * image + 0.05) * corners + frame.grain(0.15)


def dreamy(frame, image, mask):
    haze = blur(image, 5.5 * frame.unit)
    image = 0.34 * image + 0.66 * (1 - (1 - image) * (1 - 0.85 * haze)) + np.float32([0.03, 0.0, 0.05])
    image = np.ascontiguousarray(image, np.float32)
    for x, y in frame.rng.random((13, 2)):
        tint = colour(frame.rng.uniform(280, 420), 0.3, 1)
        frame.dab(image, x, y, frame.rng.uniform(0.03, 0.085), tint, 0.42 - 0.25 * frame.at(mask, x, y))
    return image


def vignette(frame, image, mask):
    radius = np.hypot((frame.x - 0.5) * 1.9, (frame.y - 0.5) * 1.9)
    return image * np.clip(1.2 - np.clip(radius - 0.42, 0, 1) * 1.75, 0.04, 1)[..., None]


def glossy(frame, image, mask):
    """Lay a hard window reflection over the subject and a sheen over everything."""
    body = blur(mask, 3.5 * frame.unit)
    move = frame.pixels(6)
    rim = np.clip(body - np.roll(body, (move, move), (0, 1)), 0, 1) * mask
    spot = np.clip((rim - 0.34) * 6, 0, 1) * np.clip((blur(mask, 1.6 * frame.unit) - 0.72) * 6, 0, 1)
    hue, saturation, value = to_hsv(image)
    rich = from_hsv(hue, saturation * 1.25, np.clip(value, 0, 1) ** 1.15 * 1.02)
    band = np.clip(1 - np.abs(frame.x + 0.45 * frame.y - 0.62) / 0.085, 0, 1) ** 0.5 * 0.26
    thin = np.clip(1 - np.abs(frame.x + 0.45 * frame.y - 0.82) / 0.025, 0, 1) ** 0.5 * 0.2
    return rich + (0.85 * spot + band + thin)[..., None] * (1 - 0.55 * rich)


def border(frame, image, mask):
    """Set the picture into a broad decorated frame with a small pattern and two lines."""
    gap_x = np.minimum(frame.x, 1 - frame.x) * frame.width
    gap_y = np.minimum(frame.y, 1 - frame.y) * frame.height
    gap = np.minimum(gap_x, gap_y) / frame.unit
    hue = float(frame.rng.choice([220, 350, 150, 28]))
    along = np.where(gap_x < gap_y, frame.y * frame.height, frame.x * frame.width) / frame.unit
    wave = np.abs(((along / 4.0) % 2) - 1) * 3.4
    leaf = np.clip(1.2 - np.abs(gap - 3.2 - wave), 0, 1)
    dots = np.clip(1.4 - np.hypot((along % 8) - 4, gap - 3.2), 0, 1)
    band = mix(np.broadcast_to(colour(hue, 0.75, 0.36), image.shape), np.maximum(leaf, dots), (0.97, 0.86, 0.6))
    lines = np.clip(1.2 - np.abs(gap - 9.6), 0, 1) + np.clip(1.2 - np.abs(gap - 0.6), 0, 1)
    band = mix(band, np.clip(lines, 0, 1), (0.9, 0.74, 0.36))
    inside = np.clip((gap - 10.2) * frame.unit, 0, 1)
    shadow = 1 - 0.4 * np.clip(1 - (gap - 10.2) / 3, 0, 1)
    return mix(band, inside, image * shadow[..., None])


def torn(frame, image, mask):
    gap_x = np.minimum(frame.x, 1 - frame.x) * frame.width
    gap_y = np.minimum(frame.y, 1 - frame.y) * frame.height
    rough = frame.noise(9) * 7 + frame.noise(26) * 4 + frame.noise(70) * 2
    gap = np.minimum(gap_x, gap_y) / frame.unit - rough
    shadow = np.clip((gap + 3.5) / 3.5, 0, 1) ** 2 * 0.5
    table = np.float32([0.36, 0.31, 0.28]) * (0.9 + 0.15 * frame.noise(8))[..., None] * (1 - shadow)[..., None]
    sheet = mix(table, np.clip(gap * frame.unit, 0, 1), (0.97, 0.95, 0.91))
    fibre = (gap - 1.4 - 1.3 * frame.noise(50)) * frame.unit
    return mix(sheet, np.clip(fibre, 0, 1), image)


def worn(frame, image, mask):
    """Fold a poster twice, rub its creases white and fade its ink."""
    ink = np.clip(0.86 * image + np.float32([0.12, 0.11, 0.08]), 0, 1)
    rub = frame.noise(60) * 0.6 + frame.noise(24) * 0.4
    lost = np.zeros_like(mask)
    for place, centre in ((frame.x, 0.5), (frame.y, 0.34), (frame.y, 0.67)):
        gap = np.abs(place - centre + 0.008 * (frame.noise(12) - 0.5)) * frame.short / frame.unit
        lost = np.maximum(lost, np.clip(1.5 - gap * 0.55, 0, 1) * np.clip(rub * 2.1 - 0.2, 0, 1))
        ink = ink * (1 - 0.16 * np.exp(-gap / 4))[..., None]
    corner = np.hypot(np.minimum(frame.x, 1 - frame.x), np.minimum(frame.y, 1 - frame.y))
    lost = np.maximum(lost, np.clip((0.1 - corner) * 12, 0, 1) * (rub > 0.42))
    lost = np.maximum(lost, np.clip((rub - 0.79 - 0.1 * mask) * 9, 0, 1) * 0.75)
    return mix(ink, lost, (0.95, 0.92, 0.85))


def cross(frame, image, mask):
    curve = np.clip(image, 0, 1)
    red, green, blue = (curve[..., i] for i in range(3))
    shifted = np.dstack(
        [
            red * red * (3 - 2 * red) * 1.1,
            green * green * (3 - 2 * green) * 1.08 + 0.04,
            0.26 + 0.48 * blue,
        ]
    )
    leak = frame.glow(float(frame.rng.choice([0, 1])), 0.4, 0.24) * np.float32([0.75, 0.3, 0.02])
    radius = np.hypot(frame.x - 0.5, frame.y - 0.5)
    return shifted * np.clip(1.35 - 1.2 * radius, 0.3, 1)[..., None] + leak


def cinematic(frame, image, mask):
    light = luma(image)[..., None]
    graded = image * 0.55 + light * 0.45
    graded = graded + (1 - light) * np.float32([-0.09, 0.02, 0.09]) + light * np.float32([0.12, 0.03, -0.12])
    graded = np.clip((graded - 0.5) * 1.22 + 0.46, 0, 1)
    warm = np.clip(mask * 0.22, 0, 1)
    graded = mix(graded, warm, graded * np.float32([1.25, 1.02, 0.72]))
    bars = np.clip((np.abs(frame.y - 0.5) - 0.395) * frame.height, 0, 1)
    return mix(graded, bars, (0.01, 0.01, 0.01))


def sticker(frame, image, mask):
    """Cut the subject out with a broad white edge and put it on a plain ground with a shadow."""
    size = 2 * frame.pixels(3.2) + 1
    wide = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    wide = np.clip((blur(wide, frame.unit) - 0.4) * 5, 0, 1)
    drop = frame.pixels(2.2)
    shadow = blur(np.roll(wide, (drop, drop), (0, 1)), 1.8 * frame.unit)
    mean = image.reshape(-1, 3).mean(0)
    hue, saturation, value = to_hsv(np.float32(mean)[None, None])
    ground = from_hsv(hue, np.clip(saturation * 0.8 + 0.12, 0, 0.55), 0.82)[0, 0]
    scene = mix(image, np.float32(0.72), ground) * (1 - 0.45 * shadow)[..., None]
    shine = np.clip(1 - np.abs(frame.x + frame.y - 0.82) / 0.05, 0, 1) ** 0.5 * 0.22 * wide
    return mix(mix(scene, wide, (0.99, 0.99, 0.99)), mask, image) + shine[..., None]


def polaroid(frame, image, mask):
    side, top, low = 0.07, 0.07, 0.2
    photo = cv2.resize(np.float32(image), (round(frame.width * (1 - 2 * side)), round(frame.height * (1 - top - low))))
    wide = np.float32(photo) * np.float32([0.95, 0.9, 0.8]) * 0.86 + np.float32([0.12, 0.1, 0.09])
    shade = np.hypot(*np.meshgrid(np.linspace(-1, 1, wide.shape[1]), np.linspace(-1, 1, wide.shape[0])))
    wide = wide * (1.08 - 0.26 * shade**2).astype(np.float32)[..., None]
    sheet = np.float32([0.95, 0.945, 0.92]) * (0.98 + 0.03 * frame.noise(4))[..., None]
    y0, x0 = round(top * frame.height), round(side * frame.width)
    inner = sheet.copy()
    pad = frame.pixels(0.6)
    inner[y0 - pad : y0 + wide.shape[0] + pad, x0 - pad : x0 + wide.shape[1] + pad] = 0.78
    inner[y0 : y0 + wide.shape[0], x0 : x0 + wide.shape[1]] = wide
    return inner


def embossed(frame, image, mask):
    move = frame.pixels(1)
    relief = blur(luma(image) * 0.9 + 0.5 * mask, 0.7 * frame.unit)
    slope = relief - np.roll(relief, (move, move), (0, 1))
    flat = 0.62 + 0.14 * (luma(image) - 0.5)
    tone = mix(np.repeat(flat[..., None], 3, 2), np.float32(0.3), image)
    return tone + np.clip(slope * 2.4, -0.45, 0.45)[..., None]


def screen(frame, image, mask):
    """Show the picture on an old tube: glowing scan lines, colour triads and bent corners."""
    bulge = ((frame.x - 0.5) ** 2 + (frame.y - 0.5) ** 2) * 0.16
    mx = (0.5 + (frame.x - 0.5) * (1 + bulge)) * frame.width
    my = (0.5 + (frame.y - 0.5) * (1 + bulge)) * frame.height
    tube = cv2.remap(np.float32(image), np.float32(mx), np.float32(my), cv2.INTER_LINEAR)
    rows = 0.5 + 0.5 * np.cos(frame.y * frame.height / frame.unit * 2 * np.pi / 2.6)
    column = np.floor(frame.x * frame.width / max(1, frame.pixels(0.6))).astype(int) % 3
    triad = np.float32([[1.25, 0.8, 0.85], [0.8, 1.25, 0.85], [0.85, 0.85, 1.3]])[column]
    lit = tube * (0.42 + 0.66 * rows)[..., None] * triad * np.float32([0.86, 1.06, 0.98])
    lit = lit + 0.4 * blur(np.float32(tube), 3 * frame.unit) * np.float32([0.7, 1.0, 0.95])
    gap = np.maximum(np.abs(frame.x - 0.5), np.abs(frame.y - 0.5)) ** 8 + (bulge * 6) ** 4
    return lit * np.clip(1.1 - gap * 90, 0, 1)[..., None]


FINISHES = {
    "grain": grain,
    "dreamy": dreamy,
    "vignette": vignette,
    "glossy": glossy,
    "border": border,
    "torn": torn,
    "worn": worn,
    "cross": cross,
    "cinematic": cinematic,
    "sticker": sticker,
    "polaroid": polaroid,
    "embossed": embossed,
    "screen": screen,
}


def soft_focus(frame, image, mask):
    return blur(image, 2.7 * frame.unit)


def bokeh(frame, image, mask):
    """Keep the subject sharp before a far blurred ground with discs of light."""
    far = blur(image * (1 - mask[..., None]), 6 * frame.unit) / (blur(1 - mask, 6 * frame.unit)[..., None] + 0.02)
    far = np.ascontiguousarray(far, np.float32)
    for x, y in frame.scatter(26) / frame.size:
        tone = np.clip(frame.at(far, x, y) * 1.1 + 0.22, 0, 1)
        frame.dab(far, x, y, frame.rng.uniform(0.03, 0.07), tone, 0.6)
    return mix(far, np.clip(blur(mask, 0.4 * frame.unit) * 1.02, 0, 1), image)


def motion(frame, image, mask):
    size = frame.odd(17)
    ahead = np.zeros((1, size), np.float32)
    ahead[0, : size // 2 + 1] = 1 / (size // 2 + 1)
    rushed = cv2.filter2D(np.float32(image), -1, ahead, borderType=cv2.BORDER_REFLECT)
    far = cv2.blur(np.float32(image), (frame.odd(26), 1), borderType=cv2.BORDER_REFLECT)
    return mix(far, np.clip(blur(mask, frame.unit), 0, 1), 0.75 * rushed + 0.25 * image)


def sharp(frame, image, mask):
    crisp = image + 1.5 * (image - blur(image, 0.9 * frame.unit)) + 0.7 * (image - blur(image, 3.5 * frame.unit))
    return (crisp - 0.5) * 1.06 + 0.5


def tilt_shift(frame, image, mask):
    away = np.clip((np.abs(frame.y - 0.55) - 0.12) * 3.6, 0, 1)
    hue, saturation, value = to_hsv(mix(image, away, blur(image, 4.2 * frame.unit)))
    return from_hsv(hue, saturation * 1.4 + 0.03, value * 1.06)


FOCUS = {
    "soft-focus": soft_focus,
    "bokeh": bokeh,
    "motion-blur": motion,
    "sharp": sharp,
    "tilt-shift": tilt_shift,
}
