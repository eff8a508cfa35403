"""What can go wrong in storage.

CatalogsError
├── StoreError               a storage operation failed; the text says which, where and what to do
│   ├── NotFoundError        there is no such object (or bucket)
│   │   └── NotAnObjectError a link out of the catalog, a device or a file that is too large stands there
│   ├── NotAllowedError      the store refused: credentials or rights
│   ├── UnreachableError     no answer: connection, time-out, throttling; worth another try
│   ├── FullError            the disk or quota is full
│   └── UnsafeStoreError     the store ignores conditional puts; a design catalog would lose rows
├── CatalogError             a catalog as a whole cannot be used (missing column, no rows, ...)
├── InvalidKeyError          a key or id is not spelled as keys are
├── ImageError               bytes are not a usable picture
├── ChangedError             contents are not those that the plan was made with
├── MaskError                a mask does not fit its garment
│   └── PartMapError         a part map does not fit its garment
├── RepeatError              a style's repeat does not fit its picture
├── ActError                 an act about designs has no meaning, or cannot be filed
└── QueryError               the browser cannot answer a question
"""

import re

CLOCKS_DIFFER = (
    "the store's clock and this machine's differ by too much for a signature to hold. Set this machine's clock"
    " (NTP), then run the same command again."
)
NO_BUCKET = "there is no such bucket. Check its name and the endpoint."
SAFE_STORES = "Use a store that honours them (AWS S3, a recent MinIO) or a folder."
USER_AND_PASSWORD = re.compile(r"(?<=://)[^/\s]*@")


def without_password(text: str) -> str:
    """A text whose URLs are shown without user and password: messages end in logs and reports."""
    return USER_AND_PASSWORD.sub("", text)


class CatalogsError(Exception):
    """Base of every error that catalogs raises on purpose."""


class StoreError(CatalogsError):
    """An operation of a store failed, for a reason that its message names."""


class NotFoundError(StoreError):
    """There is no such object or bucket."""


class NotAnObjectError(NotFoundError):
    """The key names no object of the catalog: a link that leads out of it, a device, or a file that is too large."""


class NotAllowedError(StoreError):
    """The store refused: credentials are missing, wrong, or lack the right."""


class UnreachableError(StoreError):
    """The store did not answer; the same call may go through later."""


class FullError(StoreError):
    """The disk or the quota is full."""


class UnsafeStoreError(StoreError):
    """The store ignores conditional puts, so concurrent commits would lose rows."""


class CatalogError(CatalogsError):
    """A catalog as a whole cannot be used."""


class InvalidKeyError(CatalogsError):
    """A key or an id is not spelled as keys and ids are."""


class ImageError(CatalogsError):
    """Bytes are not a usable picture."""


class ChangedError(CatalogsError):
    """Contents are no longer those that the plan was made with."""


class MaskError(CatalogsError):
    """A mask does not fit its garment."""


class PartMapError(MaskError):
    """A part map does not fit its garment."""


class RepeatError(CatalogsError):
    """A style's repeat has another shape than its picture."""


class ActError(CatalogsError):
    """An act about designs has no meaning, or cannot be filed."""


class QueryError(CatalogsError):
    """The browser cannot answer a question."""
