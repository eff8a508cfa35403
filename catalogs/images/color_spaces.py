"""Colour spaces that a file states without a profile, as profiles: so colour management has one input.

Sources: PNG specification, third edition (cICP, gAMA, cHRM and their order); Rec. ITU-T H.273 (07/2024),
tables 2 and 3 (the numbers of cICP and of AVIF's colour boxes); Exif 3.0 and DCF 2.0 (the
interoperability index R03 is Adobe RGB (1998)); ICC.1:2001-04 (how a matrix profile is written).
"""

import struct
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from catalogs.errors import ImageError

Floats = NDArray[np.float64]
Transfer = Callable[[Floats], Floats]
"""From sample values to light, both from 0 to 1."""
Chromaticities = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""x and y of white, red, green and blue."""

D65 = (0.3127, 0.3290)
BT709: Chromaticities = (D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
ADOBE: Chromaticities = (D65, (0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
PRIMARIES: dict[int, Chromaticities] = {
    1: BT709,
    4: ((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: ((0.310, 0.316), (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: (D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
UNSAID = 2
HDR = {16: "PQ", 18: "HLG"}
D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
STEPS = 4096
"""Entries of a profile's curve."""


def from_code_points(primaries: int, transfer: int, matrix: int = 0, full_range: bool = True) -> bytes | None:
    """The profile for H.273's numbers of primaries, transfer and matrix; None where they mean sRGB, or nothing.

    The transfers of television (1, 6, 14, 15) count as sRGB's, because such pictures are judged on sRGB's screens.
    Raises ImageError for high dynamic range and for unknown numbers.
    """
    if UNSAID in (primaries, transfer):
        return None
    if matrix:
        raise ImageError(
            f"the PNG says colour matrix {matrix} where only RGB (0) may stand; export it as sRGB"
        )
    if transfer in HDR:
        raise ImageError(
            f"the picture is of high dynamic range ({HDR[transfer]}); export it in sRGB with 8 or 16 bits"
        )
    if primaries not in PRIMARIES or (curve := _transfer(transfer)) is None:
        raise ImageError(
            f"the picture's colours are said as primaries {primaries} and transfer {transfer}, which are not"
            " known here; export it in sRGB"
        )
    if primaries == 1 and curve is srgb_to_light and full_range:
        return None
    return matrix_profile(PRIMARIES[primaries], curve if full_range else lambda value: curve(_widened(value)))


def from_gamma(gamma: float | None, chromaticities: Chromaticities | None) -> bytes | None:
    """The profile for a PNG's gAMA (samples are light to its power) and cHRM; None where they mean sRGB.

    Values that round to sRGB's mean sRGB, because the specification advises programs to write rounded values.
    """
    plain = gamma is None or gamma <= 0 or abs(gamma * 2.2 - 1) < 0.03
    known = chromaticities is None or bool(np.allclose(chromaticities, BT709, atol=0.002))
    if plain and known:
        return None
    exponent = 1.0 if gamma is None or gamma <= 0 else 1 / gamma
    curve = srgb_to_light if plain else lambda value: value**exponent
    return matrix_profile(chromaticities or BT709, curve)


def adobe_rgb() -> bytes:
    """The profile of Adobe RGB (1998)."""
    return matrix_profile(ADOBE, lambda value: value ** (563 / 256))


def srgb_to_light(value: Floats) -> Floats:
    """The transfer of sRGB (IEC 61966-2-1)."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _transfer(number: int) -> Transfer | None:
    if number in (1, 6, 13, 14, 15):
        return srgb_to_light
    exponents = {4: 2.2, 5: 2.8, 8: 1.0}
    if number not in exponents:
        return None
    return lambda value: value ** exponents[number]


def _widened(value: Floats) -> Floats:
    """Samples of narrow range, 16 to 235 of 255, brought to the full one."""
    return ((value * 255 - 16) / 219).clip(0, 1)


def matrix_profile(chromaticities: Chromaticities, transfer: Transfer) -> bytes:
    """An ICC matrix profile of these chromaticities and this transfer. Raises ImageError for impossible ones."""
    curve = np.rint(transfer(np.linspace(0, 1, STEPS)).clip(0, 1) * 65535).astype(">u2")
    trc = b"curv" + bytes(4) + struct.pack(">I", STEPS) + curve.tobytes()
    columns = [_xyz(column) for column in to_d50(chromaticities).T]
    tags = [
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", 5) + b"said\0" + bytes(78)),
        (b"cprt", b"text" + bytes(4) + b"none\0"),
        (b"wtpt", _xyz(D50)),
        *zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True),
        *((name, trc) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    return _written(tags)


def to_d50(chromaticities: Chromaticities) -> Floats:
    """3 x 3 from linear RGB to XYZ, its white brought to D50 as profiles need it (Bradford).

    Raises ImageError where the chromaticities are impossible.
    """
    if any(y <= 0 for _, y in chromaticities):
        raise ImageError("the PNG's chromaticities are impossible; export it in sRGB")
    white, *colors = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in chromaticities)
    try:
        matrix = np.column_stack(colors)
        scaled = matrix * np.linalg.solve(matrix, white)
        adapted = np.linalg.solve(BRADFORD, np.diag(BRADFORD @ D50 / (BRADFORD @ white)) @ BRADFORD) @ scaled
    except np.linalg.LinAlgError as error:
        raise ImageError("the PNG's chromaticities are impossible; export it in sRGB") from error
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 4:
        raise ImageError("the PNG's chromaticities are impossible; export it in sRGB")
    result: Floats = adapted
    return result


def _xyz(value: Floats) -> bytes:
    return (
        b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(coordinate) * 65536) for coordinate in value))
    )


def _written(tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a profile: header, table of tags, tags, of which equal ones are there once."""
    at, body, table = 128 + 4 + 12 * len(tags), b"", b""
    places: dict[bytes, int] = {}
    for name, value in tags:
        if value not in places:
            places[value] = at + len(body)
            body += value + bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, places[value], len(value))
    header = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp")
    header = header.ljust(68, b"\0") + _xyz(D50)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
