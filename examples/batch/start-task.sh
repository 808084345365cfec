#!/usr/bin/env bash
# Start task of a pool: installs outputfs and mounts the storage account for all tasks of the node.
#
# Elevated (pool.json). Beside it, as a resource file: outputfs.deb. The account comes by the start task's environment
# settings: AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or AZURE_STORAGE_CONNECTION_STRING.
set -euo pipefail

if ! command -v outputfs > /dev/null; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends ./outputfs.deb
fi

# Batch runs a start task again when a node restarts, and tries a failed one again.
if outputfs status outputfs > /dev/null 2>&1; then exit 0; fi

# On the node's own disk, which is larger than the system's. Tasks may enter the mount and not this.
state=$AZ_BATCH_NODE_SHARED_DIR/outputfs
mkdir -p -m 0700 "$state"
outputfs mount outputfs --journal-dir "$state/journal" --cache-dir "$state/cache"
