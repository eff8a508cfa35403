"""The pictures that a person names as arguments are checked before anything heavy is loaded."""

from pathlib import Path

from catalogs.errors import InvalidKeyError
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import locate, open_store
from flows.errors import SettingsError
from flows.settings import Settings


def check_pictures(
    settings: Settings, content: str, style: str, out: str, mask: str | None = None
) -> tuple[Store, str]:
    """Return the store and the key of the PNG to write, after a check of all pictures that it is made from.

    SettingsError where `out` is not a PNG's name or is one of the pictures; NotFoundError where a picture is
    missing.
    """
    target = _png_to_write(out, settings)
    for name, uri in {"CONTENT": content, "STYLE": style, **({"--mask": mask} if mask else {})}.items():
        _require_picture(name, uri, settings)
        if open_store(uri, settings.s3).uri == open_store(out, settings.s3).uri:
            raise SettingsError(f"OUT '{out}' would write over {name} '{uri}': give OUT another name.")
    return target


def read_picture_argument(uri: str, settings: Settings) -> bytes:
    """Return the bytes of a picture: a file or an s3:// object. NotFoundError where it is missing."""
    store, key = locate(uri, settings.s3)
    return store.read(key)


def _png_to_write(out: str, settings: Settings) -> tuple[Store, str]:
    if not out or _names_folder(out, settings):
        example = f"{out.rstrip('/')}/design.png" if out else "design.png"
        raise SettingsError(f"OUT '{out}' names no file: give a file name, as {example}.")
    try:
        store, key = locate(out, settings.s3)
    except InvalidKeyError as error:
        raise SettingsError(f"OUT '{out}' cannot be written: {error}.") from error
    if not key.lower().endswith(".png"):
        raise SettingsError(f"'{out}' cannot be written: designs are PNG, so give a name that ends in .png.")
    if Path(store.uri).is_file():
        raise SettingsError(f"OUT '{out}' cannot be written: {store.uri} is a file, not a folder.")
    return store, key


def _require_picture(name: str, uri: str, settings: Settings) -> None:
    if not uri:
        raise SettingsError(f"{name} is empty: give a picture.")
    if _names_folder(uri, settings):
        raise SettingsError(f"{name} '{uri}' is a folder: give a picture in it.")
    store, key = locate(uri, settings.s3)
    if not store.exists(key):
        # The error of reading says why.
        store.read(key)


def _names_folder(uri: str, settings: Settings) -> bool:
    return uri.endswith("/") or Path(open_store(uri, settings.s3).uri).is_dir()
