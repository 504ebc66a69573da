"""Errors of the audit.

    JobError
    +-- InputError             the request is wrong; a command exits with 2
    |   +-- BadArgument        a date, an id, a threshold, a CSV header that cannot be used
    |   +-- BlankImage         an image that shows nothing, so that comparing it would say nothing
    |   +-- BadReview          an export of Label Studio that cannot be imported
    |   +-- BadCatalogue       the catalogue is missing, ambiguous or malformed
    |   +-- UnknownProduct     a product id that the catalogue does not have
    |   +-- UnknownAudit       no plan for that date, or no such run in it
    |   +-- BadQuery           SQL that cannot be run, or that asks for what it may not read
    |   +-- BadStorageUri      a URI or key that names no storage
    |   +-- BucketMissing      the S3 bucket does not exist
    |   +-- StorageDenied      storage refuses these credentials
    |       +-- ObjectDenied   storage knows these credentials, and refuses them this object
    +-- UnreadableInput        one image or document cannot be read; becomes a row, and the audit goes on
    +-- AuditError             we failed; the task fails and is tried again
        +-- ObjectMissing      an object that should be there is not
        +-- DamagedObject      an object that an audit wrote holds something else
        +-- StorageUnavailable storage does not answer, or answers with an error
        +-- WorkFolderUnusable the folder for temporary files cannot be written
        +-- LostRace           the object changed between the read and the write
        +-- RowsMissing        a step runs before the step whose rows it reads
        +-- ModelChanged       the weights loaded are not those of the plan
        +-- PublishRefused     pairs, documents and plan of a product do not add up
        +-- IncompleteAudit    the verdicts in storage do not add up with the plan
        +-- CanariesWrong      products whose verdict is known came out otherwise

The reasons that a row can carry are listed in jobs/audit/verdicts.py.
"""

from __future__ import annotations


class JobError(Exception):
    """Base of every error that jobs raises on purpose; its message is one line."""


class InputError(JobError):
    """The request or an input of it is wrong: trying again will not help."""


class BadArgument(InputError):
    """A value that cannot be used, named in the message."""


class BlankImage(InputError):
    """An image that shows nothing; in an audit it becomes a row."""


class BadReview(InputError):
    """An export of Label Studio that was cut, changed by hand, or is of another root; the message names the task."""


class BadCatalogue(InputError):
    """The catalogue is missing, ambiguous or malformed."""


class UnknownProduct(InputError):
    """A product id that the catalogue does not have."""


class UnknownAudit(InputError):
    """There is no plan for that date, or no such run in it."""


class BadQuery(InputError):
    """SQL that cannot be run, or that asks for what it may not read."""


class BadStorageUri(InputError):
    """A URI or key that names no storage."""


class BucketMissing(InputError):
    """The S3 bucket does not exist."""


class StorageDenied(InputError):
    """Storage refuses these credentials."""


class ObjectDenied(StorageDenied):
    """Storage knows these credentials, and refuses them this object."""


class UnreadableInput(JobError):
    """One input cannot be read. `status`: missing, denied, not_allowed, bad_uri, too_large or changed (since it was
    read); the message says more.
    """

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class AuditError(JobError):
    """We failed, not the input: the task fails and is tried again."""


class DamagedObject(AuditError):
    """An object that an audit wrote holds something else; the message names it."""


class ObjectMissing(AuditError):
    """An object that should be there is not."""


class StorageUnavailable(AuditError):
    """Storage does not answer, or answers with an error."""


class WorkFolderUnusable(AuditError):
    """The folder for temporary files cannot be written: it is full, say."""


class LostRace(AuditError):
    """Another writer changed the object between our read and our write."""


class RowsMissing(AuditError):
    """A step runs before the step whose rows it reads."""


class ModelChanged(AuditError):
    """The weights that were loaded are not those that the audit was planned with."""


class PublishRefused(AuditError):
    """The pairs, documents and plan of a product do not add up, so no verdict is written."""


class IncompleteAudit(AuditError):
    """The verdicts in storage do not add up with the plan."""


class CanariesWrong(AuditError):
    """Products whose verdict is known came out otherwise, so no other verdict is to be believed."""
