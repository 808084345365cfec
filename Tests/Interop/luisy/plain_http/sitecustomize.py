"""Leads luisy, which knows https://<account>.blob.core.windows.net alone, to the connection string of a test."""

import os

if os.environ.get("OUTPUTFS_TEST_CONNECTION_STRING"):
    import azure.storage.blob

    real = azure.storage.blob.BlobServiceClient

    def to_the_emulator(account_url, credential):
        return real.from_connection_string(os.environ["OUTPUTFS_TEST_CONNECTION_STRING"])

    azure.storage.blob.BlobServiceClient = to_the_emulator
