"""Storage on S3 or an S3-compatible server, through boto3.

Endpoint, region and credentials come from the standard AWS_* variables (AWS_ENDPOINT_URL,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...); addressing is by path. A conditional PUT
(If-Match, If-None-Match) answers 412 when the race is lost; 409 means that two are being settled
right now, and is tried again.

Each request is tried as one thing with its whole reply, which is checked against its Content-Length, its
checksum and its ETag. It is tried again unless the error's code names a fault that stays: an object or bucket
that is not there, or a refusal. So a clock that is off, an expired token, a reply without a code of S3 (a
proxy's) and a body that breaks off are StorageUnavailable, once they last. boto3's own retries are off: they
see no bodies, and have no limit of time. The codes are those of the Amazon S3 API Reference, "Error responses".
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from http import HTTPStatus
from threading import Timer
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential
from urllib3.exceptions import HTTPError

from jobs.errors import (
    BadStorageUri,
    BucketMissing,
    JobError,
    LostRace,
    ObjectDenied,
    ObjectMissing,
    StorageDenied,
    StorageUnavailable,
)
from jobs.storage.base import Blob, Check, Storage, check_key

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

SILENCE_SECONDS = 10.0  # how long one try waits for a connection, until bytes are taken, and for the next ones
SLOWEST, UNSAID_LENGTH = 100_000, 64 * 2**20  # bytes a second, below which a body is broken; the length if none is said
RETRY_SECONDS = 40.0  # no try starts later: outages of 30 s are ridden out, silence is an error within 60 s
TRIES = 3  # at the least, for a body that breaks off late; a refusal is believed when it was said so often
CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
OBJECT_REFUSED = ("AccessDenied", "AllAccessDisabled", "InvalidObjectState")  # the last: it is archived
CREDENTIALS_REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccountProblem", "NotSignedUp")
T = TypeVar("T")


class S3Storage(Storage):
    """Objects of `bucket` whose keys begin with `prefix`."""

    answers_late = True

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        super().__init__(f"s3://{bucket}/{prefix}".rstrip("/"))
        environment = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
        try:
            self.client = _client(os.getpid(), environment)
        except (BotoCoreError, ValueError) as error:
            raise BadStorageUri(f"{self.root}: {error}") from error

    def read_head(self, key: str, size: int, check: Check | None = None) -> bytes:
        return self._get(key, size, check).data

    def version(self, key: str, check: Check | None = None) -> str | None:
        reply = self._head(key, check)
        return f"{reply['ETag']}-{reply['ContentLength']}-{reply['LastModified']}"

    def read(self, key: str, check: Check | None = None) -> Blob:
        return self._get(key, None, check)

    def modified(self, key: str) -> float:
        return float(self._head(key)["LastModified"].timestamp())

    def delete(self, key: str) -> None:
        where = {"Bucket": self.bucket, "Key": self.prefix + check_key(key)}
        self._ask(key, lambda: self.client.delete_object(**where))

    def write(self, key: str, data: bytes) -> None:
        self._put(key, data, {})

    def write_if(self, key: str, data: bytes, etag: str | None) -> None:
        self._put(key, data, {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag})

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

    def arrow(self) -> FileSystem:
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, SubTreeFileSystem

        keys = boto3.Session().get_credentials()
        if keys is None:
            raise StorageDenied(f"{self.root}: no credentials; {CREDENTIALS}")
        frozen = keys.get_frozen_credentials()
        scheme, _, host = self.client.meta.endpoint_url.partition("://")
        files = S3FileSystem(
            access_key=frozen.access_key,
            secret_key=frozen.secret_key,
            session_token=frozen.token,
            region=self.client.meta.region_name.replace("aws-global", "us-east-1"),
            scheme=scheme,
            endpoint_override=host,
            tls_ca_file_path=os.environ.get("AWS_CA_BUNDLE"),
            connect_timeout=SILENCE_SECONDS,
            request_timeout=SILENCE_SECONDS,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=10),
        )
        return SubTreeFileSystem(f"{self.bucket}/{self.prefix}", files)

    def _head(self, key: str, check: Check | None = None) -> Any:
        """What is said of the object. A refusal has no body, so no code of S3: that of the object itself has one."""
        where = {"Bucket": self.bucket, "Key": self.prefix + check_key(key)}
        if check:
            check(self.uri(key))

        def head() -> Any:
            try:
                reply = self.client.head_object(**where)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
                    self.client.get_object(**where)["Body"].close()
                raise
            if any(field not in reply for field in ("ETag", "ContentLength", "LastModified")):
                raise _Broken("the reply has no ETag, length or time: it is none of S3")
            return reply

        return self._ask(key, head)

    def _get(self, key: str, size: int | None, check: Check | None) -> Blob:
        """The object, or its first `size` bytes."""
        where = {"Bucket": self.bucket, "Key": self.prefix + check_key(key)}
        if check:
            check(self.uri(key))
        unlike_etag: set[str] = set()

        def get() -> Blob:
            reply = self.client.get_object(**where)
            length = reply.get("ContentLength")  # a chunked reply does not say it, and ends with a mark
            whole = size is None or (length is not None and length <= size)
            body, seconds = reply["Body"], SILENCE_SECONDS + (UNSAID_LENGTH if length is None else length) / SLOWEST
            with closing(body), _ended_after(seconds, body):
                data: bytes = body.read() if whole else body.read(size)  # botocore checks what is read to its end
            if not whole and length is not None and len(data) != size:  # as where _ended_after ends it
                raise _Broken(f"{len(data)} bytes of {size} came")
            if whole or len(data) != size:
                _check_etag(data, reply, unlike_etag)
            return Blob(data, reply["ETag"])

        return self._ask(key, get)

    def _put(self, key: str, data: bytes, condition: dict[str, str]) -> None:
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"  # so that a browser shows the report
        where = {"Bucket": self.bucket, "Key": self.prefix + check_key(key), **condition}

        def put() -> None:
            if "ETag" not in self.client.put_object(**where, Body=data, ContentType=kind):
                raise _Broken("the reply has no ETag: it is none of S3")

        self._ask(key, put, is_conditional=bool(condition))

    def _folder_prefix(self, folder: str) -> str:
        return self.prefix + (check_key(folder.rstrip("/")) + "/" if folder else "")

    def _pages(self, folder: str, delimiter: str) -> Iterator[Any]:
        """The pages of the listing of `folder`."""
        where = {"Bucket": self.bucket, "Prefix": self._folder_prefix(folder), "Delimiter": delimiter}
        seen: set[str] = set()

        def listed() -> Any:
            page = self.client.list_objects_v2(**where)
            if page.get("IsTruncated") != ("NextContinuationToken" in page):
                raise _Broken("the reply does not say whether the listing goes on: it is none of S3")
            if page.get("NextContinuationToken") in seen:
                raise _Broken("the listing goes on where it has been: it has no end")
            return page

        while True:
            page = self._ask(folder, listed)
            yield page
            if "NextContinuationToken" not in page:
                return
            where["ContinuationToken"] = page["NextContinuationToken"]
            seen.add(where["ContinuationToken"])

    def _ask(self, key: str, request: Callable[[], T], *, is_conditional: bool = False) -> T:
        """The result of `request`, tried again as the module says. Raises typed errors."""

        def ask() -> T:
            try:
                return request()
            except FAULTS as error:
                raise self._error(error, key, is_conditional=is_conditional) from error

        return RETRYING(ask)

    def _error(self, error: Exception, key: str, *, is_conditional: bool) -> JobError:
        """The typed error for what came of a request about `key`."""
        said = error.response.get("Error", {}) if isinstance(error, ClientError) else {}
        code = str(said.get("Code", ""))
        if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
            return StorageDenied(f"{self.root}: no credentials; {CREDENTIALS}")
        if isinstance(error, ParamValidationError):
            return BadStorageUri(f"{self.uri(key)}: {str(error).splitlines()[-1]}")
        if code == "NoSuchBucket":
            return BucketMissing(f"bucket {self.bucket!r} does not exist at {self.client.meta.endpoint_url}")
        if is_conditional and code in ("PreconditionFailed", "NoSuchKey"):
            return LostRace(f"{self.uri(key)} was changed by another writer")
        if code in ("NoSuchKey", "KeyTooLongError"):
            return ObjectMissing(f"{self.uri(key)} does not exist")
        if code in OBJECT_REFUSED:
            return ObjectDenied(f"{self.uri(key)}: {code}; check the policy of the AWS_* credentials")
        if code in CREDENTIALS_REFUSED:
            return StorageDenied(f"{self.uri(key)}: {code}; check the AWS_* credentials")
        reason = f"{code} ({said.get('Message')})" if code else (str(error).splitlines() or [type(error).__name__])[0]
        return StorageUnavailable(f"{self.uri(key)} at {self.client.meta.endpoint_url}: {reason}")


class _Broken(Exception):
    """The reply is none of S3, or its body is not the object's."""


# The last: botocore reads the bodies of listings by urllib3, and its parsers raise errors of their own and of dates.
FAULTS = (BotoCoreError, ClientError, _Broken, HTTPError, ResponseParserError, ValueError)


@contextmanager
def _ended_after(seconds: float, body: Any) -> Iterator[None]:
    """Ends the reading of `body`, of botocore, then, so that it breaks off: no other limit sees one that trickles."""

    def end() -> None:
        with suppress(RuntimeError, ValueError, OSError):  # it has been read
            body.__enter__().shutdown()  # of urllib3's response

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _check_etag(data: bytes, reply: Mapping[str, Any], unlike: set[str]) -> None:
    """Raises _Broken where there is no ETag, or one that is an MD5 and not that of `data`.

    It is one unless the object came in parts or is encrypted with a key of its own (S3 API Reference, "Common
    response headers"). A server that has other ETags sends the same bytes again: `unlike` keeps the digests that did
    not fit.
    """
    etag = str(reply.get("ETag", "")).strip('"')
    if not etag:
        raise _Broken("the reply has no ETag: it is none of S3")
    is_md5 = re.fullmatch("[0-9a-f]{32}", etag) and "SSECustomerAlgorithm" not in reply
    if not is_md5 or reply.get("ServerSideEncryption", "AES256") != "AES256":
        return
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if digest != etag and digest not in unlike:
        unlike.add(digest)
        raise _Broken(f"the {len(data)} bytes that came have MD5 {digest}, not that of the ETag {etag}")


def _is_enough(state: RetryCallState) -> bool:
    """Whether a request has been tried often enough."""
    is_refused = state.outcome is not None and isinstance(state.outcome.exception(), StorageDenied)
    is_late = (state.seconds_since_start or 0) + state.upcoming_sleep > RETRY_SECONDS
    return state.attempt_number >= TRIES and (is_refused or is_late)


def _give_up(state: RetryCallState) -> NoReturn:
    """Raises the last try's error, and says how often it was tried."""
    assert state.outcome is not None  # by the contract of tenacity: a try has ended
    error = state.outcome.exception()
    assert error is not None
    raise type(error)(f"{error} (tried {state.attempt_number} times in {state.seconds_since_start:.0f} s)") from error


RETRYING = Retrying(
    retry=retry_if_exception_type((StorageUnavailable, StorageDenied)),
    wait=wait_random_exponential(multiplier=0.1, max=3),
    stop=_is_enough,
    retry_error_callback=_give_up,
)


@lru_cache(maxsize=4)
def _client(process: int, environment: tuple[tuple[str, str], ...]) -> Any:
    """The client of this process for these AWS_* variables: making one costs 0.1 s."""
    config = Config(
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=SILENCE_SECONDS,  # urllib3 limits sending by it, too
        read_timeout=SILENCE_SECONDS,
        max_pool_connections=32,
    )
    return boto3.Session().client("s3", config=config)
