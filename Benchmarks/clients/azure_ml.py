"""Moves a folder as azure-ai-ml's own client does: what its `data.create_or_update` and `artifact` downloads come down to.

  azure_ml.py get|put ENDPOINT ACCOUNT KEY CONTAINER PREFIX DIRECTORY

An upload goes below LocalUpload/<hash of the folder> wherever that is; the hash is a part of every upload, and in the time.
Prints one line of JSON: seconds and CPU seconds of moving, without Python's start and the import.
"""

import json
import sys
import time

from azure.ai.ml._artifacts._blob_storage_helper import BlobStorageClient
from azure.ai.ml._utils._asset_utils import get_ignore_file, get_object_hash


def main(verb, endpoint, _account, key, container, prefix, directory):
    client = BlobStorageClient(credential=key, account_url=endpoint, container_name=container)
    started, cpu = time.monotonic(), time.process_time()
    if verb == "get":
        client.download(starts_with=prefix, destination=directory)
    else:
        ignore = get_ignore_file(directory)
        digest = get_object_hash(directory, ignore)
        client.upload(directory, "bench", "1", asset_hash=digest, ignore_file=ignore, show_progress=False)
    return {"seconds": time.monotonic() - started, "cpu": time.process_time() - cpu}


# What the library prints is not the answer.
answers, sys.stdout = sys.stdout, sys.stderr
print(json.dumps(main(*sys.argv[1:])), file=answers)
