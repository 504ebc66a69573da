"""Storage on S3 or an S3-compatible server, through boto3.

Endpoint, region and credentials come from the standard AWS_* variables (AWS_ENDPOINT_URL,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...); addressing is by path. A conditional PUT
(If-Match, If-None-Match) answers 412 when the race is lost; 409 means that two are being settled
right now, and is tried again.
"""

from __future__ import annotations

import mimetypes
import os
import random
import time
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from jobs.errors import (
    BadStorageUri,
    BucketMissing,
    JobError,
    LostRace,
    ObjectMissing,
    StorageDenied,
    StorageUnavailable,
)
from jobs.storage.base import Blob, Storage, check_key

CONFLICT_TRIES = 8
BODY_TRIES = 4  # boto3 tries a request again (total_max_attempts below), and never a body that breaks off
CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


class S3Storage(Storage):
    """Objects of `bucket` whose keys begin with `prefix`."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        super().__init__(f"s3://{bucket}/{prefix}")
        environment = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
        try:
            self.client = _client(os.getpid(), environment)
        except (BotoCoreError, ValueError) as error:
            raise BadStorageUri(f"{self.root}: {error}") from error

    def read_head(self, key: str, size: int) -> bytes:
        return self._get(key, size).data

    def read(self, key: str) -> Blob:
        return self._get(key, None)

    def write(self, key: str, data: bytes) -> None:
        self._put(key, data, {})

    def write_if(self, key: str, data: bytes, etag: str | None) -> None:
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        for attempt in range(CONFLICT_TRIES):
            try:
                return self._put(key, data, condition)
            except _Conflict:
                time.sleep(random.uniform(0, 0.05 * 2**attempt))
        raise LostRace(f"{self.uri(key)} is being changed by other writers")

    def keys(self, folder: str, links_to: Sequence[str] = ()) -> list[str]:
        entries = [entry for page in self._pages(folder, "") for entry in page.get("Contents", [])]
        keys = [entry["Key"][len(self.prefix) :] for entry in entries]
        return sorted(key for key in keys if not key.endswith("/") and "/." not in f"/{key}")

    def folders(self, folder: str) -> list[str]:
        start = len(self._folder_prefix(folder))
        names = [
            entry["Prefix"][start:].rstrip("/")
            for page in self._pages(folder, "/")
            for entry in page.get("CommonPrefixes", [])
        ]
        return sorted(name for name in names if name and name[0] != ".")

    def _get(self, key: str, size: int | None) -> Blob:
        """The object, or its first `size` bytes; asked for again while the body of the reply breaks off."""
        broken = ""
        for tried in range(BODY_TRIES):
            if broken:
                time.sleep(random.uniform(0, 0.1 * 2**tried))
            try:
                reply = self.client.get_object(Bucket=self.bucket, Key=self.prefix + check_key(key))
            except (BotoCoreError, ClientError) as error:
                raise self._error(error, key) from error
            try:
                with closing(reply["Body"]) as body:
                    data: bytes = body.read(size)
            except BotoCoreError as error:
                broken = str(error).splitlines()[0]
            else:
                length = reply.get("ContentLength", len(data))  # a chunked reply does not say it, and ends with a mark
                promised = length if size is None else min(size, length)
                if len(data) == promised:  # botocore looks where all is read, and not where a part is
                    return Blob(data, reply["ETag"])
                broken = f"{len(data)} bytes of {promised} came"
        raise StorageUnavailable(f"{self.uri(key)}: the reply broke off {BODY_TRIES} times, at last: {broken}")

    def _put(self, key: str, data: bytes, condition: dict[str, str]) -> None:
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"  # so that a browser shows the report
        options: dict[str, Any] = {"Bucket": self.bucket, "Key": self.prefix + check_key(key), **condition}
        try:
            self.client.put_object(Body=data, ContentType=kind, **options)
        except (BotoCoreError, ClientError) as error:
            status = _status(error)
            if condition and status == 409:
                raise _Conflict from error
            if condition and (status == 412 or (status == 404 and "NoSuchKey" in str(error))):
                raise LostRace(f"{self.uri(key)} was changed by another writer") from error
            raise self._error(error, key) from error

    def _folder_prefix(self, folder: str) -> str:
        return self.prefix + (check_key(folder.rstrip("/")) + "/" if folder else "")

    def _pages(self, folder: str, delimiter: str) -> list[Any]:
        pages = self.client.get_paginator("list_objects_v2")
        try:
            return list(pages.paginate(Bucket=self.bucket, Prefix=self._folder_prefix(folder), Delimiter=delimiter))
        except (BotoCoreError, ClientError) as error:
            raise self._error(error, folder) from error

    def _error(self, error: Exception, key: str) -> JobError:
        """The typed error for what boto3 raised about `key`."""
        code = str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
        if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
            return StorageDenied(f"{self.root}: no credentials; {CREDENTIALS}")
        if isinstance(error, ParamValidationError):
            return BadStorageUri(f"{self.uri(key)}: {str(error).splitlines()[-1]}")
        if code == "NoSuchBucket":
            return BucketMissing(f"bucket {self.bucket!r} does not exist at {self.client.meta.endpoint_url}")
        if _status(error) in (401, 403):
            return StorageDenied(f"{self.uri(key)}: {code}; check the AWS_* credentials and their policy")
        if code in ("NoSuchKey", "KeyTooLongError", "404"):
            return ObjectMissing(f"{self.uri(key)} does not exist")
        reason = str(error).splitlines()[0]
        return StorageUnavailable(f"{self.uri(key)} at {self.client.meta.endpoint_url}: {reason}")


class _Conflict(Exception):
    """409 ConditionalRequestConflict: neither won nor lost yet."""


@lru_cache(maxsize=4)
def _client(process: int, environment: tuple[tuple[str, str], ...]) -> Any:
    """The client of this process for these AWS_* variables: making one costs 0.1 s."""
    config = Config(
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=32,
    )
    return boto3.Session().client("s3", config=config)


def _status(error: Exception) -> int:
    """The HTTP status of the reply, 0 where there was none."""
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
