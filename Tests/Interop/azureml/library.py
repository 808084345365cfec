"""Runs azure-ai-ml on request: one JSON object a line on stdin, one answer a line on stdout."""

import json
import os
import sys

from azure.ai.ml._artifacts._blob_storage_helper import BlobStorageClient
from azure.ai.ml._utils._asset_utils import (
    get_content_hash,
    get_ignore_file,
    get_object_hash,
    get_upload_files_from_folder,
)


def hashes(path):
    ignore = get_ignore_file(path)
    files = [os.path.basename(os.path.realpath(path))]
    if os.path.isdir(path):
        files = [name for _, name in get_upload_files_from_folder(path, ignore_file=ignore)]
    return {
        "objectHash": get_object_hash(path, ignore),
        "contentHash": get_content_hash(path, ignore),
        "files": sorted(files),
    }


def client(account_url, key, container):
    return BlobStorageClient(credential=key, account_url=account_url, container_name=container)


def upload(account_url, key, container, path, name, version):
    ignore = get_ignore_file(path)
    return client(account_url, key, container).upload(
        path, name, version, asset_hash=get_object_hash(path, ignore), ignore_file=ignore, show_progress=False
    )


def download(account_url, key, container, prefix, destination):
    client(account_url, key, container).download(starts_with=prefix, destination=destination)


# What the library prints is not an answer.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"value": globals()[call["call"]](**call["with"])}
    except Exception as error:  # noqa: BLE001: whatever the library raises is the answer
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
