"""What S3 stores refuse, named: with the store's own words, what they mean, and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import (
    ConnectionError as NoConnectionError,
)

from catalogs.errors import (
    CLOCKS_DIFFER,
    NotAllowedError,
    NotFoundError,
    StoreError,
    UnreachableError,
    UnsafeStoreError,
    without_password,
)

BROKEN_OFF = (NoConnectionError, HTTPClientError, IncompleteReadError)
SKEWED = ("RequestTimeTooSkewed", "RequestExpired")
SKEW_SECONDS = 15 * 60
"""Difference of clocks from which S3 refuses a signature."""
PASSING = ("SlowDown", "RequestTimeout", "Throttling")
UNKNOWN = ("NotImplemented", "501", "505")
"""Refusals that no further try changes, though their status is a server's own fault."""
REFUSED_HEADER = (*UNKNOWN, "400", "InvalidArgument", "InvalidRequest", "UnsupportedHeader")
CONDITION = re.compile(r"if-none-match|conditional|precondition", re.IGNORECASE)
CHECKSUM = re.compile(r"x-amz-(checksum|sdk-checksum|trailer)|aws-chunked|STREAMING-.*TRAILER", re.IGNORECASE)
"""How a store's words show that it does not know the checksums which boto3 sends since 2025."""
CHECKSUM_SETTING = "AWS_REQUEST_CHECKSUM_CALCULATION=when_required"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
SENT, SIGNS = re.compile(r"[\x21-\x7e]+"), re.compile(r"\S(.*\S)?")
"""Of credentials, what goes into a header, and what only signs (a password of MinIO's may hold blanks)."""
SECRET = re.compile(r"(?i)\b(\w*(?:credential|signature|token|accesskeyid|secret)\w*)(\s*[=:]\s*)[^\s,;&<]+")
LONGEST_WORDS = 300
"""Letters of a store's explanation."""
NO_BUCKET = "there is no such bucket. Check its name and the endpoint."
SAFE_STORES = "Use a store that honours them (AWS S3, a recent MinIO) or a folder."


@contextmanager
def named(what: str) -> Iterator[None]:
    """Errors of boto3 become ours; `what` was being done, and to which object."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound) as error:
        raise NotAllowedError(
            f"{what}: no usable S3 credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or"
            " give the machine a role."
        ) from error
    except ClientError as error:
        raise _from_answer(what, error) from error
    except BROKEN_OFF as error:
        raise UnreachableError(
            f"{what}: no answer from the store ({type(error).__name__}). Check the endpoint"
            " (AWS_ENDPOINT_URL) and the network, then run the same command again."
        ) from error
    except BotoCoreError as error:
        raise StoreError(f"{what}: {error}") from error


def code(error: ClientError) -> str:
    """What the store calls its refusal; the status where it has no body, as to HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


def require_conditional_puts(uri: str, error: ClientError) -> None:
    """UnsafeStoreError where a store refuses the condition of a put, rather than the put."""
    words = _words(error)
    if code(error) not in REFUSED_HEADER or CHECKSUM.search(words):
        return
    if CONDITION.search(words) or code(error) in UNKNOWN:
        or_else = "" if CONDITION.search(words) else f" If it does honour them, {CHECKSUM_SETTING} may help."
        raise UnsafeStoreError(
            f"{uri} lacks conditional puts (If-None-Match; it answered {code(error)}{words}): a design catalog"
            f" there would lose rows. {SAFE_STORES}{or_else}"
        ) from error


def require_clean_keys(keys: ReadOnlyCredentials, source: str) -> None:
    """NotAllowedError for keys with blanks or line breaks in them, of which no request can be made; shows no key."""
    given = (keys.access_key, keys.secret_key, keys.token)
    for name, text, clean in zip(CREDENTIALS, given, (SENT, SIGNS, SENT), strict=True):
        if text and not clean.fullmatch(text):
            raise NotAllowedError(
                f"{name} (from {source}) holds {_what_breaks(text)}: write it again without one. What a file or a"
                " secret ends in is not seen."
            )


def _what_breaks(text: str) -> str:
    if re.search(r"[\r\n]", text):
        return "a line break"
    return "a blank" if re.search(r"\s", text) else "a letter that is not printable ASCII"


def _from_answer(what: str, error: ClientError) -> StoreError:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code(error) == "NoSuchBucket":
        return NotFoundError(f"{what}: {NO_BUCKET}")
    if status == 404:
        return NotFoundError(f"{what}: there is no such object.")
    if code(error) in SKEWED or (status == 403 and _seconds_apart(error) > SKEW_SECONDS):
        return NotAllowedError(f"{what}: {CLOCKS_DIFFER}")
    if status in (401, 403) or code(error) in ("ExpiredToken", "InvalidToken"):
        refused = f"{what}: the store refused ({code(error)}{_words(error)})"
        return NotAllowedError(f"{refused}. Check the credentials' rights on the bucket.")
    return _from_failure(f"{what}: the store answered {status} {code(error)}{_words(error)}", status, error)


def _from_failure(answered: str, status: int, error: ClientError) -> StoreError:
    """What is neither a matter of rights nor of what is there."""
    if CHECKSUM.search(_words(error)):
        return StoreError(
            f"{answered}. It does not know the checksums that are sent with objects: set {CHECKSUM_SETTING}, then run"
            " the same command again."
        )
    if (status >= 500 and code(error) not in UNKNOWN) or status == 429 or code(error) in PASSING:
        return UnreachableError(f"{answered}, at every try. Try again later: run the same command again.")
    return StoreError(f"{answered}. A further try changes nothing: check the store and its settings.")


def _words(error: ClientError) -> str:
    """The store's own explanation, in one line, led in by a colon; empty where it gives none."""
    words = " ".join(str(error.response.get("Error", {}).get("Message") or "").split())
    words = SECRET.sub(r"\1\2...", without_password(words))
    return f": {words[:LONGEST_WORDS].rstrip('. ')}" if words else ""


def _seconds_apart(error: ClientError) -> float:
    """How far the store's clock is from ours; a HEAD answer has no code that would say it."""
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
