"""How ids and keys are spelled. Every key of Stylemill is made or checked here."""

import re

from catalogs.errors import InvalidKeyError

ID_PATTERN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,63}")

DESIGN_IMAGE = re.compile(r"images/([0-9a-f]{2})/\1[0-9a-f]{62}-[0-9a-f]{12}\.png")

TABLE = "table"
REVIEWS = "reviews"
"""The log of acts about designs; the two tables below are made from it."""
VERDICTS = "verdicts"
SHORTLISTS = "shortlists"
CORRECTIONS = "corrections"
"""What records said of garments and styles before the catalogs were corrected."""
IMAGES = "images/"
THUMBNAILS = "cache/thumbnails/"
RUNS = "runs"
REJECTIONS = "rejections.csv"
"""A run's list of rejections; a run without rejections has none."""
RECIPES = "recipes/"
"""Recipes that people wrote themselves, as TOML."""
LONGEST_RECIPE = 50
CLAIMS = "claims/"
CLAIM_DESIGNS = "claims/designs/"
CLAIM_HOLDERS = "claims/holders/"
DIGESTS = "cache/digests.parquet"
PROBE = ".stylemill-probe"
LOST = "lost/"
"""The rest of tables' files that were cut, for a person to look at; Stylemill never reads or removes it."""


def check_id(text: str) -> str:
    """Return `text` if it is a usable id, else raise InvalidKeyError that says what is wrong."""
    if not text:
        raise InvalidKeyError("the id is empty; give every row an id of its own")
    if not ID_PATTERN.fullmatch(text):
        raise InvalidKeyError(
            f"'{text[:80]}' cannot be an id; use 1 to 64 letters a-z, digits, '-', '_' and single '.',"
            " beginning with a letter or digit"
        )
    return text


def check_key(text: str) -> str:
    """Return `text` if it is a key inside its catalog, else raise InvalidKeyError.

    A key is relative, uses forward slashes and never leaves the folder it starts from.
    """
    if not text:
        raise InvalidKeyError("the key is empty; name a file relative to the catalog")
    if "://" in text:
        raise InvalidKeyError(
            f"'{text[:80]}' is an address; copy the file beside the catalog and write its name"
        )
    if "\\" in text or ":" in text or any(ord(letter) < 32 for letter in text):
        raise InvalidKeyError(
            f"'{text[:80]}' is not a key; use forward slashes and no ':' or control characters"
        )
    parts = text.split("/")
    if text.startswith("/") or ".." in parts:
        raise InvalidKeyError(
            f"'{text[:80]}' leaves the catalog; name a file inside the catalog's own folder"
        )
    if "" in parts or "." in parts:
        raise InvalidKeyError(f"'{text[:80]}' is not a key; leave out '.', '//' and a '/' at the end")
    return text


def as_key(text: str) -> str:
    """A name as people write it, as a key: without `./` and doubled slashes, which do not change its meaning.

    The result need not be a valid key: `check_key` says whether it is.
    """
    first, slash, rest = text.partition("/")
    if not slash or "://" in text:
        return text
    inner = [part for part in rest.split("/")[:-1] if part not in ("", ".")]
    begin = [] if first == "." else [first]
    return "/".join([*begin, *inner, rest.rpartition("/")[2]])


def design_image(design_id: str, sha256: str) -> str:
    """Key of a design's picture, relative to the design catalog.

    The contents are part of it: two runs that make one design at once, on devices that round
    differently, write two pictures, and the record that wins points at its own.
    """
    return f"{IMAGES}{design_id[:2]}/{design_id}-{sha256[:12]}.png"


def is_design_image(key: str) -> bool:
    """Whether a key is one that `design_image` gives; other files may lie beside these pictures."""
    return DESIGN_IMAGE.fullmatch(key) is not None


def design_of(image: str) -> str:
    """The design_id of a picture, by a key that `design_image` gave."""
    return image.rpartition("/")[2].partition("-")[0]


def lost(key: str, sha256: str) -> str:
    """Key under which the rest of a table's file is kept; files of one name and other contents get other keys."""
    folder, _, name = key.rpartition("/")
    return f"{LOST}{folder}/{sha256[:12]}-{name}"


def run_file(run_id: str, name: str) -> str:
    """Key of a file of one run, relative to the design catalog."""
    return f"{RUNS}/{run_id}/{name}"


def kept_recipe(name: str, digest: str) -> str:
    """The name of a kept recipe: the name that its owner gave it, and the first twelve digits of its digest."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).lstrip("-_")[:LONGEST_RECIPE]
    return f"{plain or 'recipe'}-{digest[:12]}"


def recipe_file(name: str) -> str:
    """Key of a kept recipe, relative to the design catalog."""
    return f"{RECIPES}{check_id(name)}.toml"


def claim(design_id: str) -> str:
    """Key of the claim on a design that a run is making, relative to the design catalog."""
    return f"{CLAIM_DESIGNS}{check_id(design_id)}"


def claim_holder(holder: str) -> str:
    """Key of the heartbeat of a run that holds claims, relative to the design catalog."""
    return f"{CLAIM_HOLDERS}{check_id(holder)}.json"


def claimed_by(key: str) -> str:
    """The design_id that a key of `claim` is about."""
    return key.removeprefix(CLAIM_DESIGNS)


def holder_of(key: str) -> str:
    """The holder's id in a key of `claim_holder`."""
    return key.removeprefix(CLAIM_HOLDERS).removesuffix(".json")


def thumbnail(design_id: str, version: str, side: int) -> str:
    """Key of a design's thumbnail, at most `side` pixels on its longer side, relative to the design catalog.

    `version` is `provenance.version`: other pixels and corrected credits get another thumbnail.
    """
    return f"{THUMBNAILS}{side}/{check_id(design_id)[:2]}/{thumbnail_name(design_id, check_id(version))}"


def thumbnail_name(design_id: str, version: str) -> str:
    """The last part of a thumbnail's key, the same at every size."""
    return f"{design_id}-{version}.webp"
