"""A bucket, or a prefix of one, as a store."""

import random
import urllib.parse
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay

from catalogs import keys
from catalogs.errors import NotFoundError, StoreError, UnreachableError, without_password
from catalogs.storage import delta_places, s3_errors
from catalogs.storage.store_contract import ObjectInfo, S3Options, require_size

T = TypeVar("T")

ATTEMPTS = 8
"""Tries of one request."""
LONGEST_PAUSE = 5.0
"""Seconds between two tries, at most. All pauses together are 6 to 11 s, in which a server can restart."""
PATIENCE = 60.0
"""Seconds after which there is no further try of a request."""
ANSWER_SECONDS = 30
"""How long a store may keep silent before a try counts as failed."""
DELTA_RETRIES = {"max_retries": "10", "retry_timeout": "60s", "timeout": f"{ANSWER_SECONDS}s"}
"""The Delta library's own tries (its default, 180 s, would outlast ours)."""
MISSING = ("404", "NoSuchKey", "NotFound")
TAKEN = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")

ADDRESSING = {None: "auto", True: "path", False: "virtual"}


class S3Store:
    """A store whose objects lie below `s3://bucket/prefix`, through boto3 and its standard credential chain."""

    def __init__(self, uri: str, options: S3Options) -> None:
        """Opens no connection. StoreError for an address without a bucket, or with a password in it."""
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = prefix.strip("/")
        self._options = options
        if "@" in self._bucket:
            raise StoreError(
                f"'{without_password(uri)}' was given with a user or password before the bucket: write"
                " s3://bucket/prefix, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        if len(self._bucket) < 3:
            raise StoreError(
                f"'{uri}' names no bucket: write s3://bucket/prefix (a bucket has 3 letters or more)."
            )
        delta_places.require_bucket(self._bucket, uri)
        _require_no_password(options.endpoint_url)

    @property
    def uri(self) -> str:
        """The bucket and prefix, as a person would write them."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(region_name=self._options.region)

    @cached_property
    def _client(self) -> Any:
        endpoint = self._options.endpoint_url
        config = Config(
            # One try: boto3's own retries share a quota, and end for good after some 35 of them (`_ask`).
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=10,
            read_timeout=ANSWER_SECONDS,
            max_pool_connections=32,
            s3={"addressing_style": ADDRESSING[self._options.path_style]},
        )
        with s3_errors.translate_errors(f"connecting to {self.uri}"):
            self._require_clean_keys()
            try:
                client = self._session.client("s3", endpoint_url=endpoint, config=config)
            except ValueError as error:
                raise StoreError(
                    "The S3 endpoint is no URL: write http://host:port or https://host (AWS_ENDPOINT_URL)."
                ) from error
        _require_no_password(client.meta.endpoint_url)
        return client

    def _require_clean_keys(self) -> None:
        """NotAllowedError for credentials with blanks in them, which a header of HTTP does not take."""
        with s3_errors.translate_credential_errors(f"finding credentials for {self.uri}"):
            credentials = self._session.get_credentials()
            frozen = credentials and credentials.get_frozen_credentials()
        if credentials and frozen:
            s3_errors.require_clean_keys(frozen, str(credentials.method))

    def _ask(self, what: str, ask: Callable[[], T]) -> T:
        """The store's answer; a request without one, or answered by 'later', is made again after a growing pause.

        Reading an answer to its end is part of a try. boto3's own retries leave that out, and a quota ends them
        just when the store has been away and comes back.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(UnreachableError),
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(PATIENCE),
            wait=_pause,
            reraise=True,
        )
        return retrying(s3_errors.translate_errors(what)(ask))

    def read(self, key: str) -> bytes:
        """The bytes of an object; NotFoundError where there is none, NotAnObjectError where it is too large."""
        place = self._place(key)

        def ask() -> bytes:
            """Get the object once, to the end of its bytes."""
            answer = self._client.get_object(**place)
            s3_errors.require_s3(answer, "ETag", f"reading {self._name(key)}")
            require_size(self._name(key), int(answer.get("ContentLength") or 0))
            body: bytes = answer["Body"].read()
            return body

        return self._ask(f"reading {self._name(key)}", ask)

    def write(self, key: str, data: bytes) -> None:
        """Create or replace an object."""
        put = partial(self._client.put_object, **self._place(key), Body=data, **_kind(key))
        self._ask(f"writing {self._name(key)}", put)

    def create(self, key: str, data: bytes) -> bool:
        """Create an object with a conditional put; False if it exists already.

        A put whose answer is lost is tried again and then meets its own object. So every put carries a mark, which says
        afterwards whether the object is its own.
        """
        mark, tries = uuid.uuid4().hex, 0
        put = partial(self._client.put_object, **self._place(key), Body=data, IfNoneMatch="*")

        def ask() -> bool:
            """Put the object once, under the condition that there is none."""
            nonlocal tries
            tries += 1
            try:
                put(Metadata={"created-by": mark})
            except ClientError as error:
                if s3_errors.error_code(error) not in TAKEN:
                    s3_errors.require_conditional_puts(self.uri, error)
                    raise
                return tries > 1 and self._creator(key) == mark
            return True

        return self._ask(f"creating {self._name(key)}", ask)

    def _creator(self, key: str) -> str:
        """The mark of the put that made an object; empty if there is none."""
        try:
            answer = self._client.head_object(**self._place(key))
        except ClientError as error:
            if s3_errors.error_code(error) not in MISSING:
                raise
            return ""
        return str(answer.get("Metadata", {}).get("created-by", ""))

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        return self.stat(key) is not None

    def stat(self, key: str) -> ObjectInfo | None:
        """The key, size, ETag and time (whole seconds) of one object; None if there is none."""
        place = self._place(key)

        def ask() -> ObjectInfo | None:
            """Ask for the object's head once."""
            try:
                answer = self._client.head_object(**place)
            except ClientError as error:
                if s3_errors.error_code(error) not in MISSING:
                    self._ask_for_words(place, error)
                    raise
                # A HEAD answer does not say whether the object or the whole bucket is missing.
                self._require_bucket()
                return None
            s3_errors.require_s3(answer, "ETag", f"looking for {self._name(key)}")
            return ObjectInfo(key, answer["ContentLength"], answer["ETag"].strip('"'), answer["LastModified"])

        return self._ask(f"looking for {self._name(key)}", ask)

    def _ask_for_words(self, place: dict[str, str], refused: ClientError) -> None:
        """Ask with GET for the error that explains: a refusal of HEAD has only a status."""
        if s3_errors.http_status(refused) >= 500:
            # The failure may pass, and its status says enough.
            return
        try:
            self._client.get_object(**place, Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            if s3_errors.error_code(error) not in MISSING:
                raise

    def _require_bucket(self) -> None:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if s3_errors.error_code(error) == "404":
                raise NotFoundError(f"{self.uri}: {s3_errors.NO_BUCKET}") from error
            # Rights on objects without rights on the bucket are usual; then the object is missing.

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, by key."""
        base = f"{self._prefix}/" if self._prefix else ""
        ask = partial(self._client.list_objects_v2, Bucket=self._bucket, Prefix=base + prefix)
        further: dict[str, str] | None = {}
        while further is not None:
            page = self._ask(f"listing {self.uri}", partial(ask, **further))
            s3_errors.require_s3(page, "IsTruncated", f"listing {self.uri}")
            for entry in page.get("Contents", []):
                if not entry["Key"].endswith("/"):
                    yield ObjectInfo(
                        entry["Key"][len(base) :],
                        entry["Size"],
                        entry["ETag"].strip('"'),
                        entry["LastModified"],
                    )
            token = page.get("NextContinuationToken")
            further = {"ContinuationToken": token} if token else None

    def leftovers(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: ARG002
        """Always empty: an object is put in one request, whole or not at all."""
        return iter(())

    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
        self._ask(f"deleting {self._name(key)}", partial(self._client.delete_object, **self._place(key)))

    def sync(self, written: Iterable[str]) -> None:
        """Nothing happens: an object is safe when its put is answered."""

    def delta_location(self, table: str = keys.TABLE) -> tuple[str, dict[str, str]]:
        """The table's URI, and boto3's credentials of this moment in the words of the Delta library.

        Raises StoreError where the Delta library would read another place, and NotAllowedError without credentials
        (from boto3's NoCredentialsError).
        """
        place = delta_places.of_prefix(self._bucket, self._prefix, table)
        with s3_errors.translate_credential_errors(f"finding credentials for {self.uri}"):
            credentials = self._session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            frozen = credentials.get_frozen_credentials()
        endpoint = self._client.meta.endpoint_url
        options: dict[str, str] = {
            "AWS_ACCESS_KEY_ID": str(frozen.access_key),
            "AWS_SECRET_ACCESS_KEY": str(frozen.secret_key),
            "AWS_REGION": self._client.meta.region_name or "us-east-1",
            **DELTA_RETRIES,
        }
        if frozen.token:
            options["AWS_SESSION_TOKEN"] = str(frozen.token)
        if "amazonaws.com" not in endpoint:
            options |= {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower(),
            }
        return place, options

    def _place(self, key: str) -> dict[str, str]:
        keys.check_key(key)
        return {"Bucket": self._bucket, "Key": f"{self._prefix}/{key}" if self._prefix else key}

    def _name(self, key: str) -> str:
        return f"{self.uri}/{key}"


def _pause(state: RetryCallState) -> float:
    """Seconds before the next try: they double, and are shortened at random so that many clients spread out."""
    return random.uniform(0.5, 1) * min(LONGEST_PAUSE, 0.05 * 2.0**state.attempt_number)


def _kind(key: str) -> dict[str, str]:
    kinds = {"png": "image/png", "json": "application/json", "csv": "text/csv", "jpg": "image/jpeg"}
    suffix = key.rpartition(".")[2]
    return {"ContentType": kinds[suffix]} if suffix in kinds else {}


def _require_no_password(endpoint: str | None) -> None:
    """Raise StoreError for an endpoint with credentials in it: S3 takes none there, and logs would show them."""
    if endpoint and "@" in urllib.parse.urlsplit(endpoint).netloc:
        raise StoreError(
            "The S3 endpoint's URL holds a user or password, which S3 does not take there: write it without, and"
            " set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
