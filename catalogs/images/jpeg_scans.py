"""The number of scans in a JPEG: a small file of many scans takes minutes to decode."""

import re

from catalogs.errors import ImageError

MOST_SCANS = 100
"""Progressive JPEGs as programs write them have some 10."""
MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
WITHOUT_BODY = (0x01, 0xD8)
START_OF_SCAN, END = 0xDA, 0xD9


def check_scans(jpeg: bytes) -> None:
    """Raise ImageError where a JPEG has more than MOST_SCANS scans before its end."""
    scans, at = 0, 0
    while marker_match := MARKER.search(jpeg, at):
        at, marker = marker_match.end(), marker_match[1][0]
        if marker == END:
            return
        if marker in WITHOUT_BODY:
            continue
        # The length counts itself; what follows a scan's header is found by its next marker.
        at += max(int.from_bytes(jpeg[at : at + 2], "big"), 2)
        scans += marker == START_OF_SCAN
        if scans > MOST_SCANS:
            raise ImageError(
                f"the JPEG has more than {MOST_SCANS} scans; export it as a JPEG that is not progressive"
            )
