"""What the .NET library Microsoft.Azure.Batch.Conventions.Files does, rule by rule, defects included, on azure-storage-blob.

Written from the library's documented behaviour and the names it makes, without a line of outputfs: an opinion of its own. The library
itself needs a .NET runtime, which Debian does not package.
"""

import hashlib
import os
import re

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

JOB_KINDS = ["JobOutput", "JobPreview"]
TASK_KINDS = ["TaskOutput", "TaskPreview", "TaskLog", "TaskIntermediate"]


def container_name(job: str) -> str:
    """ContainerNameUtils.GetSafeContainerName"""
    job = job.lower()
    if len(job) <= 59 and re.fullmatch(r"[a-z0-9][a-z0-9-]*", job) and not job.endswith("-") and "--" not in job:
        return "job-" + job
    digest = hashlib.sha1(job.encode()).hexdigest()
    safe = re.sub("[:_-]+", "-", job).strip("-")
    safe = safe[:15].strip("-") if len(safe) > 15 else safe
    return f"job-{safe or 'job'}-{digest}"


def relative_destination(path: str) -> str:
    """What SaveAsync(kind, relativePath) makes of a path: one leading `../` is cut from the text as it was given, so that the
    backslashes of a Windows path survive where something was cut and is no longer replaced."""
    normalized = path.replace("\\", "/")
    if normalized.startswith("../"):
        return path[3:]
    return normalized


class Storage:
    """JobOutputStorage, and with a task TaskOutputStorage."""

    def __init__(self, service: BlobServiceClient, job: str, task: str | None = None):
        self.container = service.get_container_client(container_name(job))
        self.task = task

    def prepare(self):
        """PrepareOutputStorageAsync"""
        try:
            self.container.create_container()
        except ResourceExistsError:
            pass

    def blob_name(self, kind: str, destination: str) -> str:
        # The client trims slashes at both ends of the whole.
        return (f"{self.task}/" if self.task else "") + f"${kind}/{destination}".strip("/")

    def save(self, kind: str, data: bytes, destination: str) -> str:
        """Block blob, unconditional, without headers or metadata."""
        name = self.blob_name(kind, destination)
        self.container.upload_blob(name, data, overwrite=True)
        return name

    def save_relative(self, kind: str, data: bytes, path: str) -> str:
        return self.save(kind, data, relative_destination(path))

    def tracked(self, kind: str, source: str, destination: str) -> "TrackedFile":
        return TrackedFile(self.container.get_blob_client(self.blob_name(kind, destination)), source)


class TrackedFile:
    """SaveTrackedAsync: an append blob that follows a file; `flush` is the timer's."""

    BLOCK = 4 << 20

    def __init__(self, blob, source):
        self.blob, self.source, self.pointer = blob, source, 0
        try:
            # CreateIfNotExists: what is there is kept, and appended to.
            blob.create_append_blob(match_condition=MatchConditions.IfMissing)
        except (ResourceExistsError, ResourceNotFoundError):
            pass

    def flush(self):
        if not os.path.exists(self.source) or os.path.getsize(self.source) <= self.pointer:
            return
        with open(self.source, "rb") as file:
            file.seek(self.pointer)
            data = file.read()
        for start in range(0, len(data), self.BLOCK):
            self.blob.append_block(data[start : start + self.BLOCK])
        self.pointer += len(data)

    def dispose(self):
        self.flush()
