"""A bucket, or a prefix of one, as a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
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

from catalogs import keys
from catalogs.errors import NotAllowedError, NotFoundError, StoreError, UnreachableError
from catalogs.store_contract import ObjectInfo, S3Options

ATTEMPTS = 5
"""Tries of one request, with boto3's exponential backoff and jitter between them."""

ADDRESSING = {None: "auto", True: "path", False: "virtual"}

NO_BUCKET = "there is no such bucket. Check its name and the endpoint."


class S3Store:
    """Objects below `s3://bucket/prefix`, through boto3 and its standard credential chain."""

    def __init__(self, uri: str, options: S3Options) -> None:
        """Opens no connection."""
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = prefix.strip("/")
        self._options = options
        if len(self._bucket) < 3:
            raise StoreError(
                f"'{uri}' names no bucket: write s3://bucket/prefix (a bucket has 3 letters or more)."
            )

    @property
    def uri(self) -> str:
        """Where the store begins."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(region_name=self._options.region)

    @cached_property
    def _client(self) -> Any:
        endpoint = self._options.endpoint_url
        config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=32,
            s3={"addressing_style": ADDRESSING[self._options.path_style]},
        )
        with _explained(f"connecting to {self.uri}"):
            return self._session.client("s3", endpoint_url=endpoint, config=config)

    def read(self, key: str) -> bytes:
        """Contents of an object."""
        with _explained(f"reading {self._name(key)}"):
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=self._key(key))["Body"].read()
            return body

    def write(self, key: str, data: bytes) -> None:
        """Create or replace an object."""
        with _explained(f"writing {self._name(key)}"):
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=data, **_kind(key))

    def create(self, key: str, data: bytes) -> bool:
        """Create an object with a conditional put; False if it is there already."""
        with _explained(f"creating {self._name(key)}"):
            try:
                self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=data, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) in ("PreconditionFailed", "412", "ConditionalRequestConflict", "409"):
                    return False
                raise
        return True

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        with _explained(f"looking for {self._name(key)}"):
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._key(key))
            except ClientError as error:
                if _code(error) not in ("404", "NoSuchKey", "NotFound"):
                    raise
                # A HEAD answer does not say whether the object or the whole bucket is missing.
                self._require_bucket()
                return False
        return True

    def _require_bucket(self) -> None:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _code(error) == "404":
                raise NotFoundError(f"{self.uri}: {NO_BUCKET}") from error
            # Rights on objects without rights on the bucket are usual; then the object is missing.

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, by key."""
        base = f"{self._prefix}/" if self._prefix else ""
        with _explained(f"listing {self.uri}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=base + prefix
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    if not entry["Key"].endswith("/"):
                        yield ObjectInfo(
                            entry["Key"][len(base) :],
                            entry["Size"],
                            entry["ETag"].strip('"'),
                            entry["LastModified"],
                        )

    def leftovers(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: ARG002
        """None: an object is put in one request, whole or not at all."""
        return iter(())

    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
        with _explained(f"deleting {self._name(key)}"):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))

    def delta_location(self) -> tuple[str, dict[str, str]]:
        """The table's URI, and boto3's own credentials of this moment in the words of the Delta library."""
        with _explained(f"finding credentials for {self.uri}"):
            credentials = self._session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            frozen = credentials.get_frozen_credentials()
        endpoint = self._client.meta.endpoint_url
        options: dict[str, str] = {
            "AWS_ACCESS_KEY_ID": str(frozen.access_key),
            "AWS_SECRET_ACCESS_KEY": str(frozen.secret_key),
            "AWS_REGION": self._client.meta.region_name or "us-east-1",
        }
        if frozen.token:
            options["AWS_SESSION_TOKEN"] = str(frozen.token)
        if "amazonaws.com" not in endpoint:
            options |= {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower(),
            }
        return f"{self.uri}/{keys.TABLE}", options

    def _key(self, key: str) -> str:
        keys.check_key(key)
        return f"{self._prefix}/{key}" if self._prefix else key

    def _name(self, key: str) -> str:
        return f"{self.uri}/{key}"


def _kind(key: str) -> dict[str, str]:
    kinds = {"png": "image/png", "json": "application/json", "csv": "text/csv", "jpg": "image/jpeg"}
    suffix = key.rpartition(".")[2]
    return {"ContentType": kinds[suffix]} if suffix in kinds else {}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound) as error:
        raise NotAllowedError(
            f"{what}: no usable S3 credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or"
            " give the machine a role."
        ) from error
    except ClientError as error:
        raise _from_answer(what, error) from error
    except (NoConnectionError, HTTPClientError, IncompleteReadError) as error:
        raise UnreachableError(
            f"{what}: no answer from the store ({type(error).__name__}). Check the endpoint"
            " (AWS_ENDPOINT_URL) and the network, then run the same command again."
        ) from error
    except BotoCoreError as error:
        raise StoreError(f"{what}: {error}") from error


def _from_answer(what: str, error: ClientError) -> StoreError:
    code = _code(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        return NotFoundError(f"{what}: {NO_BUCKET}")
    if status == 404:
        return NotFoundError(f"{what}: there is no such object.")
    if status in (401, 403) or code in ("ExpiredToken", "InvalidToken"):
        return NotAllowedError(
            f"{what}: the store refused ({code}). Check the credentials' rights on the bucket."
        )
    if status >= 500 or status == 429 or code in ("SlowDown", "RequestTimeout", "Throttling"):
        return UnreachableError(
            f"{what}: the store answered {status} {code} {ATTEMPTS} times. Try again later."
        )
    return StoreError(f"{what}: the store answered {status} {code}.")
