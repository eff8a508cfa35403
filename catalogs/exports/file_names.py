"""Names of files that people can read and every system takes; a download's header carries two spellings (RFC 6266)."""

import re
import unicodedata
from urllib.parse import quote

from anyascii import anyascii

LONGEST, LONGEST_BYTES = 60, 150
"""Of a name, before its date and ending: file systems take 255 bytes in all."""


def readable_name(text: str, otherwise: str) -> str:
    """Small letters and digits with single hyphens: Latin letters without their marks, other scripts as they are.

    The result is `otherwise` where no letter of the text can be in a name, as of emoji only.
    """
    folded = "".join(_folded(sign) for sign in unicodedata.normalize("NFKC", text)).lower()
    # Marks that Unicode cannot compose with their Latin letter stand alone by now.
    bare = re.sub(r"(?<=[a-z0-9])[\u0300-\u036f]+", "", folded)
    name = re.sub(r"-+", "-", bare).strip("-")[:LONGEST]
    return name.encode()[:LONGEST_BYTES].decode(errors="ignore").strip("-") or otherwise


def content_disposition(name: str, ending: str, otherwise: str) -> str:
    """The header of a download: its name in ASCII for old readers, and as it is in UTF-8 (RFC 6266, RFC 8187)."""
    plain = re.sub(r"[^a-z0-9]+", "-", anyascii(name).lower()).strip("-") or otherwise
    return f"attachment; filename=\"{plain}.{ending}\"; filename*=UTF-8''{quote(f'{name}.{ending}', safe='')}"


def _folded(sign: str) -> str:
    """A letter, digit or mark as it may be in a name; a hyphen for everything else."""
    category = unicodedata.category(sign)
    if unicodedata.name(sign, "").startswith("LATIN "):
        return anyascii(sign)
    return sign if category[0] in "LMN" else "-"
