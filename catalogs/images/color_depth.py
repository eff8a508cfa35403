"""Colours of 16 bits to sRGB of 8 bits in one step: by way of 8 bits a dark ramp in linear light would keep 13 steps.

littleCMS does so too, but Pillow hands it no 16-bit RGB. This module follows matrix profiles (three curves and three
colorants, or the one curve of grey), as working spaces and linear light have; profiles with tables of colours are
left to littleCMS and 8 bits. Source: ICC.1:2022 (tags and their types, the matrix model of annex F).
"""

import struct

import numpy as np
from numpy.typing import NDArray

from catalogs.images.color_spaces import BT709, Floats, to_d50

Words = NDArray[np.uint16]
Bytes = NDArray[np.uint8]

STEPS = 65536
ROWS = 256
"""Rows that are converted at once."""
TABLES = (b"A2B0", b"A2B1", b"D2B0", b"D2B1")
MOST_TAGS, LARGEST_TAG = 100, 200_000
"""Tags of a profile, as littleCMS has them at most; bytes of a tag: a curve of 65,536 entries has 131,084."""
PARAMETERS = {0: "g", 1: "gab", 2: "gabc", 3: "gabcd", 4: "gabcdef"}


def to_srgb(samples: Words, profile: bytes) -> Bytes | None:
    """H x W x 3 of sRGB from samples of 16 bits, H x W or H x W x 3; None where the profile has no matrix."""
    places = _places(profile)
    space, connected = profile[16:20], profile[20:24]
    if any(name in places for name in TABLES):
        return None
    try:
        if samples.ndim == 2 and space == b"GRAY" and connected in (b"XYZ ", b"Lab "):
            return np.repeat(_encoded()[_light(_tag(profile, places[b"kTRC"]))][samples][..., None], 3, 2)
        if space != b"RGB " or connected != b"XYZ ":
            return None
        curves = [_light(_tag(profile, places[name])) for name in (b"rTRC", b"gTRC", b"bTRC")]
        colorants = np.column_stack(
            [_xyz(_tag(profile, places[name])) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        )
    except (KeyError, struct.error, ValueError):
        # littleCMS says what is wrong with it.
        return None
    matrix = np.linalg.solve(to_d50(BT709), colorants).astype(np.float32)
    colored = samples if samples.ndim == 3 else np.broadcast_to(samples[..., None], (*samples.shape, 3))
    return _multiplied(colored, curves, matrix)


def _multiplied(samples: Words, curves: list[NDArray[np.uint16]], matrix: NDArray[np.float32]) -> Bytes:
    """Samples by their curves to light, by the matrix to sRGB's light, and to sRGB's samples; in blocks of rows."""
    encoded = _encoded()
    converted = np.empty(samples.shape, np.uint8)
    for at in range(0, len(samples), ROWS):
        block = samples[at : at + ROWS]
        light = np.stack([curve[block[..., n]] for n, curve in enumerate(curves)], -1).astype(np.float32)
        converted[at : at + ROWS] = encoded[np.rint((light @ matrix.T).clip(0, STEPS - 1)).astype(np.uint16)]
    return converted


def _encoded() -> Bytes:
    """The sRGB sample for every step of light."""
    light = np.arange(STEPS) / (STEPS - 1)
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    samples: Bytes = np.rint(value * 255).astype(np.uint8)
    return samples


def _places(profile: bytes) -> dict[bytes, tuple[int, int]]:
    """The places and sizes of the tags of a profile, by name; tags that point out of the profile are left out.

    Tags may lie over each other, so none is copied before it is used.
    """
    if len(profile) < 132:
        return {}
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > MOST_TAGS:
        return {}
    places = {}
    for at in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        name, place, size = struct.unpack_from(">4sII", profile, at)
        if place + size <= len(profile):
            places[name] = (place, size)
    return places


def _tag(profile: bytes, where: tuple[int, int]) -> bytes:
    """The bytes of a tag. Raises ValueError for one that is larger than any curve."""
    place, size = where
    if size > LARGEST_TAG:
        raise ValueError("not a curve or a colorant")
    return profile[place : place + size]


def _xyz(tag: bytes) -> Floats:
    """The three numbers of a colorant."""
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _light(tag: bytes) -> Words:
    """Light, of 16 bits, for every sample of 16 bits, by a curve's tag."""
    value = np.linspace(0, 1, STEPS)
    light = _parametric(tag, value) if tag[:4] == b"para" else _curve(tag, value)
    light_of_sample: Words = np.rint(light.clip(0, 1) * (STEPS - 1)).astype(np.uint16)
    return light_of_sample


def _curve(tag: bytes, value: Floats) -> Floats:
    """A `curv`: nothing is identity, one number a power, more are a table."""
    if tag[:4] != b"curv":
        raise ValueError("not a curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    table = struct.unpack_from(f">{count}H", tag, 12)
    if count < 2:
        return value ** (table[0] / 256) if count else value
    light: Floats = np.interp(value, np.linspace(0, 1, count), np.array(table) / 65535)
    return light


def _parametric(tag: bytes, value: Floats) -> Floats:
    """A `para` of the five kinds: a power, and a straight line below `d`."""
    kind = struct.unpack_from(">H", tag, 8)[0]
    if kind not in PARAMETERS:
        raise ValueError("not a kind of curve")
    names = PARAMETERS[kind]
    numbers = {
        name: number / 65536
        for name, number in zip(names, struct.unpack_from(f">{len(names)}i", tag, 12), strict=True)
    }
    g, a, b = numbers["g"], numbers.get("a", 1.0), numbers.get("b", 0.0)
    # Of the kinds 1 and 2 the line is flat and begins where the power is zero.
    start = numbers.get("d", -b / a if kind in (1, 2) and a else 0.0)
    slope, offset = numbers.get("c", 0.0) if kind > 2 else 0.0, numbers.get("f", 0.0)
    lift = numbers.get("e", 0.0) if kind > 2 else numbers.get("c", 0.0)
    low = slope * value + (offset if kind > 2 else lift)
    light: Floats = np.where(value >= start, np.maximum(a * value + b, 0) ** g + lift, low)
    return light
