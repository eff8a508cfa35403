"""Refusals of S3 stores as errors of catalogs: with the store's own words, their meaning, and what to do."""

import re
from collections.abc import Iterator, Mapping
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
    SSLError,
    SSOError,
    TokenRetrievalError,
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
NO_CREDENTIALS = (
    NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound, SSOError,
    TokenRetrievalError,
)  # fmt: skip
NOT_S3 = "That is no answer of S3's: is a proxy before it, or another program at AWS_ENDPOINT_URL?"
OTHER_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
REGION = re.compile(r"(?:expecting|[Tt]he) '?([a-z]{2}(?:-[a-z]+)+-\d)\b")
REMEDIES = {
    "InvalidAccessKeyId": "Check AWS_ACCESS_KEY_ID, AWS_PROFILE and the endpoint: the store does not know this key.",
    "SignatureDoesNotMatch": "Check AWS_SECRET_ACCESS_KEY.",
    "ExpiredToken": "Fetch new credentials (as by 'aws sso login'), then run the same command again.",
    "InvalidToken": "Fetch new credentials, or unset AWS_SESSION_TOKEN if it is of another key.",
    "InvalidObjectState": "The object lies in an archive: restore it first.",
    "QuotaExceeded": "Make room, or have the quota raised.",
}
"""What to do about a refusal that is no matter of rights, by its code."""
RIGHTS = (
    "Check the credentials' rights on the bucket (s3:GetObject, s3:ListBucket; without ListBucket S3 refuses what"
    " is not there, too)."
)


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Errors of boto3 within this block become errors of catalogs; `what` is the operation and its object.

    Raises:
        NotAllowedError: credentials are missing or refused.
        StoreError: the store refused, did not answer, or the settings are wrong.
    """
    try:
        yield
    except NO_CREDENTIALS as error:
        raise NotAllowedError(
            f"{what}: no usable S3 credentials ({_line(error)}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
            " AWS_PROFILE (after 'aws sso login', where it is one of SSO), or give the machine a role."
        ) from error
    except ClientError as error:
        raise _from_answer(what, error) from error
    except SSLError as error:
        raise _from_tls(what, error) from error
    except BROKEN_OFF as error:
        raise _unreachable(what, error) from error
    except BotoCoreError as error:
        raise StoreError(
            f"{what}: {_line(error)}. Check the settings of S3 (AWS_... and ~/.aws/config)."
        ) from error
    except RecursionError as error:
        # boto3 follows redirections and asks for the bucket's region, without an end where nobody says it.
        raise StoreError(
            f"{what}: the answers send on to another address, again and again. Check AWS_ENDPOINT_URL, and whether"
            " AWS_REGION is the bucket's region."
        ) from error


@contextmanager
def translate_credential_errors(what: str) -> Iterator[None]:
    """Errors of finding credentials become NotAllowedError: files or programs in the settings may be wrong."""
    try:
        with translate_errors(what):
            yield
    except (OSError, ValueError, KeyError) as error:
        raise NotAllowedError(
            f"{what}: the S3 credentials cannot be read ({_line(error)}). Check what AWS_... and ~/.aws/config name"
            " (credential_process, AWS_WEB_IDENTITY_TOKEN_FILE)."
        ) from error


def _from_tls(what: str, error: SSLError) -> StoreError:
    """An error of TLS: an untrusted certificate, and a server without TLS, fail at every try."""
    words = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in words or "CA certificate bundle" in words:
        return StoreError(
            f"{what}: the certificate of the store is not trusted ({_line(error)}). Set AWS_CA_BUNDLE to the file of the"
            " authority that signed it, and SSL_CERT_FILE likewise for the tables."
        )
    if "WRONG_VERSION_NUMBER" in words:
        return StoreError(f"{what}: the store does not speak TLS there: write http:// in AWS_ENDPOINT_URL.")
    return _unreachable(what, error)


def _unreachable(what: str, error: Exception) -> UnreachableError:
    return UnreachableError(
        f"{what}: no answer from the store ({type(error).__name__}). Check the endpoint"
        " (AWS_ENDPOINT_URL) and the network, then run the same command again."
    )


def _line(error: Exception) -> str:
    """What an error says, in one line of bounded length, without secrets."""
    words = SECRET.sub(r"\1\2...", without_password(" ".join(str(error).split())))
    return words[:LONGEST_WORDS].rstrip(". ") or type(error).__name__


def require_s3(answer: Mapping[str, object], name: str, what: str) -> None:
    """Raise StoreError for a successful answer without the field `name`, which S3's have: a proxy's page, say."""
    if name not in answer:
        raise StoreError(f"{what}: the answer has no {name}. {NOT_S3}")


def error_code(error: ClientError) -> str:
    """The store's code of its refusal; the status where the answer has no body, as to HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


def require_conditional_puts(uri: str, error: ClientError) -> None:
    """Raise UnsafeStoreError where a store refuses the condition of a put, and not the put itself."""
    words = _words(error)
    if error_code(error) not in REFUSED_HEADER or CHECKSUM.search(words):
        return
    if CONDITION.search(words) or error_code(error) in UNKNOWN:
        or_else = "" if CONDITION.search(words) else f" If it does honour them, {CHECKSUM_SETTING} may help."
        raise UnsafeStoreError(
            f"{uri} lacks conditional puts (If-None-Match; it answered {error_code(error)}{words}): a design catalog"
            f" there would lose rows. {SAFE_STORES}{or_else}"
        ) from error


def require_clean_keys(keys: ReadOnlyCredentials, source: str) -> None:
    """Raise NotAllowedError for credentials with blanks or line breaks, which no request can carry; shows no key."""
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
    answered = http_status(error)
    if error_code(error) == "NoSuchBucket":
        return NotFoundError(f"{what}: {NO_BUCKET}")
    if answered == 404:
        return NotFoundError(f"{what}: there is no such object.")
    if error_code(error) in SKEWED or (answered == 403 and _seconds_apart(error) > SKEW_SECONDS):
        return NotAllowedError(f"{what}: {CLOCKS_DIFFER}")
    if region := _other_region(error):
        return StoreError(
            f"{what}: the store answered {_answer_line(error)}. The bucket lies in another region: {region}."
        )
    remedy = REMEDIES.get(error_code(error))
    if answered in (401, 403) or remedy:
        return NotAllowedError(
            f"{what}: the store refused ({_answer_line(error)}). {remedy or _rights(error)}"
        )
    return _from_failure(f"{what}: the store answered {_answer_line(error)}", answered, error)


def _other_region(error: ClientError) -> str:
    """How to set the region where the bucket lies in another region; empty where that is not the reason."""
    if error_code(error) not in OTHER_REGION and http_status(error) not in (301, 307):
        return ""
    region_header = (
        error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    )
    match = REGION.search(_words(error))
    region = region_header or error.response.get("Error", {}).get("Region") or (match[1] if match else "")
    return f"set AWS_REGION={region}" if region else "set AWS_REGION to it"


def _rights(error: ClientError) -> str:
    return NOT_S3 if _is_bare(error) else RIGHTS


def http_status(error: ClientError) -> int:
    """The status of the answer to a request; 0 where there was no answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_bare(error: ClientError) -> bool:
    """Whether an answer has no code of S3's."""
    return not error_code(error) or error_code(error).isdigit()


def _answer_line(error: ClientError) -> str:
    """Status, code and words of an answer, each once."""
    named = "" if _is_bare(error) else f" {error_code(error)}"
    return f"{http_status(error)}{named}{_words(error)}"


def _from_failure(answered: str, number: int, error: ClientError) -> StoreError:
    """The error for a failure that has nothing to do with rights, and with which objects exist."""
    if CHECKSUM.search(_words(error)):
        return StoreError(
            f"{answered}. It does not know the checksums that are sent with objects: set {CHECKSUM_SETTING}, then run"
            " the same command again."
        )
    if (number >= 500 and error_code(error) not in UNKNOWN) or number == 429 or error_code(error) in PASSING:
        return UnreachableError(f"{answered}, at every try. Try again later: run the same command again.")
    check = NOT_S3 if _is_bare(error) else "Check the store and its settings."
    return StoreError(f"{answered}. A further try changes nothing. {check}")


def _words(error: ClientError) -> str:
    """The store's own explanation, in one line, led in by a colon; empty where it gives none."""
    words = " ".join(str(error.response.get("Error", {}).get("Message") or "").split())
    words = SECRET.sub(r"\1\2...", without_password(words))
    return f": {words[:LONGEST_WORDS].rstrip('. ')}" if words else ""


def _seconds_apart(error: ClientError) -> float:
    """Seconds between the store's clock and ours; the answer to HEAD has no code that would say it."""
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
