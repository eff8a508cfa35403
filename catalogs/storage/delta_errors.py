"""The meaning of the Delta library's errors, by their words: the library has few types of errors and many texts."""

import re
from collections.abc import Callable

from catalogs.errors import (
    CLOCKS_DIFFER,
    CatalogError,
    CatalogsError,
    FullError,
    NotAllowedError,
    NotFoundError,
    StoreError,
    UnreachableError,
    without_password,
)

AGAIN = "then run the same command again."
REPEATED = re.compile(r"after \d+ retries")
"""The words by which the Delta library says that it has tried a request several times."""
FINAL = re.compile(r"Table features must be|append-only|[Uu]nsupported|not supported")
"""Words of commits that failed for another reason than a race: the table asks for too much, or forbids the commit."""
COLOURS = re.compile(r"\x1b\[\d*m")


def damaged_error(where: str, reason: str) -> CatalogError:
    """The error for a table at `where` with a data file that is cut or gone."""
    return CatalogError(
        f"{where}: a file of the table is damaged or gone ({reason}). Bring it back from a copy of the catalog."
        " Without one, give its records up: 'stylemill doctor --repair' takes them out where their file is gone or"
        " cut, and the next run makes those designs again."
    )


def newer_error(where: str, reason: str) -> CatalogError:
    """The error for a table at `where` that asks for more than the Delta library can do."""
    return CatalogError(
        f"{where}: the table asks for more than this version of Stylemill can do ({reason}): a newer program made or"
        " changed it. Use that version of Stylemill, or give another place for new designs."
    )


Explain = Callable[[str, str], CatalogsError]
"""Makes an error from the table's address and the reason in one line."""
MEANINGS: tuple[tuple[re.Pattern[str], Explain], ...] = (
    (
        re.compile(r"_last_checkpoint hint"),
        lambda where, _reason: CatalogError(
            f"{where}: its log names a checkpoint that is not there. Bring it back from a copy of the catalog. Without"
            " one, and with all commits there from 00000000000000000000.json on, remove its file"
            " _delta_log/_last_checkpoint: the commits say all that the checkpoint said."
        ),
    ),
    (
        re.compile(r"RequestTimeTooSkewed|RequestExpired"),
        lambda where, _: NotAllowedError(f"{where}: {CLOCKS_DIFFER}"),
    ),
    (
        re.compile(r"No space left on device|Disk quota exceeded"),
        lambda where, _: FullError(f"{where}: the disk is full. Make room, {AGAIN}"),
    ),
    (
        re.compile(r"Read-only file system"),
        lambda where, _: NotAllowedError(f"{where}: the file system is read-only. Choose another folder."),
    ),
    (
        re.compile(
            r"ermission denied|lacked the necessary privileges|\b40[13] |\b403\b|ExpiredToken"
            r"|InvalidToken"
        ),
        lambda where, reason: NotAllowedError(
            f"{where}: the store refused ({reason}). Check your rights there, {AGAIN}"
        ),
    ),
    (
        re.compile(r"NoSuchBucket"),
        lambda where, _: NotFoundError(f"{where}: there is no such bucket. Check its name and the endpoint."),
    ),
    (
        re.compile(r"redirect without LOCATION|PermanentRedirect|AuthorizationHeaderMalformed"),
        lambda where, reason: StoreError(
            f"{where}: the bucket lies in another region ({reason}). Set AWS_REGION to it, {AGAIN}"
        ),
    ),
    (
        re.compile(
            r"Unsupported minimum|Feature '.*' is not supported|supported by the deltalake"
            r"|Table features must be|Unsupported table features"
        ),
        newer_error,
    ),
    (
        re.compile(
            r"error sending request|onnection (reset|refused|closed|error)|timed out|error decoding response"
            r"|incomplete message|\b5(?!01)\d\d [A-Z]|\b429 |SlowDown|RequestTimeout"
        ),
        lambda where, reason: UnreachableError(
            f"{where}: no answer from the store ({reason}). Check the endpoint (AWS_ENDPOINT_URL) and the"
            f" network, {AGAIN}"
        ),
    ),
    (
        re.compile(
            r"Json error|Parquet error|Parquet magic bytes|No table metadata or protocol|Expected contiguous commit"
            r"|Requested range was invalid|File not found|No such file|NoSuchKey|Object at location .* not found",
            re.IGNORECASE,
        ),
        damaged_error,
    ),
)


def explain_error(where: str, error: BaseException) -> CatalogsError:
    """The meaning of an error of the Delta library for the table at `where`, and what to do."""
    whole, reason = str(error), _reason(error)
    for words, explain in MEANINGS:
        if words.search(whole):
            return explain(where, reason)
    if is_panic(error):
        return StoreError(
            f"{where}: the Delta library broke down ({reason}). Run the same command again; if it breaks down again,"
            " 'stylemill doctor' looks through the catalog."
        )
    return StoreError(f"{where}: {reason}")


def is_panic(error: BaseException) -> bool:
    """Whether Rust code has panicked: its exception is not an Exception, and `except Exception` does not catch it."""
    return type(error).__name__ == "PanicException"


def is_lost_race(error: Exception) -> bool:
    """Whether a commit failed because another came first."""
    return not FINAL.search(str(error))


def was_repeated(error: Exception) -> bool:
    """Whether the library has already tried the request several times."""
    return bool(REPEATED.search(str(error)))


def _reason(error: BaseException) -> str:
    """The root of an error of the Delta library in one line: S3's own code, else the last words."""
    text = COLOURS.sub("", without_password(str(error))) or repr(error)
    lines = [line.strip(" ↳") for line in text.splitlines() if line.strip(" ↳")]
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = re.search(r"\b[45]\d\d [A-Z][A-Za-z ]+", text)
    if code:
        words = re.search(r"<Message>([^<]*)</Message>", text)
        named = (
            f"{code[1]}: {' '.join(words[1].split())[:300].rstrip('. ')}" if words and words[1] else code[1]
        )
        return f"{status[0]}: {named}" if status else named
    return (lines[-1] if "↳" in text else lines[0])[:300]
