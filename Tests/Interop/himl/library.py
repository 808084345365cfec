"""Runs hi-ml on request: one JSON object a line on stdin, one answer a line on stdout.

The real functions of health_azure, the real datastore and downloads of azureml-core below them; played are only the workspace,
which would be the control plane's, and the way to the endpoint, which they take for https://<account>.blob.<suffix>.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

# Submitting jobs needs these, and moving files does not.
for name in ["azureml.tensorboard", "azureml.train", "azureml.train.hyperdrive"]:
    sys.modules[name] = MagicMock()

from azureml._file_utils import file_utils  # noqa: E402
from azureml._vendor.azure_storage.blob import BlobServiceClient  # noqa: E402
from azureml.data.azure_storage_datastore import AzureBlobDatastore  # noqa: E402
from health_azure import utils  # noqa: E402


class Place:
    """An account's endpoint and key, as a workspace with its datastores and runs."""

    def __init__(self, endpoint, key, container):
        self.service = BlobServiceClient(endpoint, credential=key)
        datastore = AzureBlobDatastore(
            None, "outputs", container, "any", account_key=key, protocol="http", endpoint="core.windows.net"
        )
        datastore.blob_service = self.service
        self.datastores = {"outputs": datastore}

    def get_run(self, run_id):
        return Run(self.service, run_id)


class Run:
    """The files of a run, which hi-ml asks the artifact service for."""

    def __init__(self, service, run_id):
        self.id, self.prefix = run_id, f"ExperimentRun/dcid.{run_id}/"
        self.container = service.get_container_client("azureml")
        # Where the download goes whatever it takes the address for.
        file_utils.BlobServiceClient = lambda **_: service

    def get_file_names(self):
        found = self.container.list_blobs(name_starts_with=self.prefix)
        return [blob.name.removeprefix(self.prefix) for blob in found]

    def download_file(self, name, output_file_path, _validate_checksum):
        uri = f"https://any.blob.core.windows.net/azureml/{self.prefix}{name}?sv=1&sig=x"
        # Not five times with up to 256 seconds in between.
        file_utils.download_file(uri, output_file_path, max_retries=1, _validate_check_sum=_validate_checksum)


def upload(place, folder, remote):
    utils.upload_to_datastore("outputs", Path(folder), Path(remote), aml_workspace=place)


def download(place, prefix, folder):
    utils.download_from_datastore("outputs", prefix, Path(folder), aml_workspace=place)


def download_run(place, run, folder, prefix=""):
    utils.download_files_from_run_id(run, Path(folder), prefix=prefix, workspace=place, validate_checksum=True)


def download_checkpoints(place, run, path, folder):
    utils.download_checkpoints_from_run_id(run, path, Path(folder), aml_workspace=place)


utils.get_workspace = lambda aml_workspace=None, workspace_config_path=None: aml_workspace

# What the library prints is not an answer.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = {"value": globals()[call["call"]](Place(**call["at"]), **call["with"])}
    except Exception as error:  # noqa: BLE001: whatever the library raises is the answer
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
