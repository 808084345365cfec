"""Moves a folder with azure-storage-blob: a thread a file, and of a large file several ranges at a time.

  azure_sdk.py get|put ENDPOINT ACCOUNT KEY CONTAINER PREFIX DIRECTORY [md5]

With md5 each blob gets that of its whole file, made before it is sent, as there is no other way in this library.

Prints one line of JSON: seconds and CPU seconds of moving, without Python's start and the import.
"""

import hashlib
import json
import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient, ContentSettings

FILES, RANGES = 32, 16
MIB = 1 << 20


def main(verb, endpoint, account, key, container, prefix, directory, *more):
    directory = pathlib.Path(directory)
    session = requests.Session()
    # As it comes, ten connections are kept, and the other threads make one for each request.
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=FILES * 2, max_retries=0))
    with ContainerClient(
        endpoint,
        container,
        credential={"account_name": account, "account_key": key},
        max_block_size=8 * MIB,
        max_chunk_get_size=8 * MIB,
        max_single_put_size=8 * MIB,
        connection_data_block_size=MIB,
        transport=RequestsTransport(session=session, session_owner=False),
    ) as client:
        started, cpu = time.monotonic(), time.process_time()
        with ThreadPoolExecutor(FILES) as threads:
            move = {"get": get, "put": put}[verb]
            moved = move(client, prefix, directory, threads, "md5" in more)
            # What a thread raised is raised here.
            for _ in moved:
                pass
        print(json.dumps({"seconds": time.monotonic() - started, "cpu": time.process_time() - cpu}))


def get(client, prefix, directory, threads, _):
    def fetch(name):
        path = directory / name.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            client.download_blob(name, max_concurrency=RANGES).readinto(file)

    return threads.map(fetch, client.list_blob_names(name_starts_with=prefix))


def put(client, prefix, directory, threads, with_md5):
    def send(path):
        with open(path, "rb") as file:
            settings = None
            if with_md5:
                settings = ContentSettings(content_md5=bytearray(hashlib.file_digest(file, "md5").digest()))
                file.seek(0)
            name = prefix + str(path.relative_to(directory))
            client.upload_blob(name, file, max_concurrency=RANGES, content_settings=settings)

    return threads.map(send, (path for path in directory.rglob("*") if path.is_file()))


main(*sys.argv[1:])
