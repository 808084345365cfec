#!/usr/bin/env bash
# Runs a task's command with its outputs in the job's container: task.sh COMMAND…
#
# The command finds TASK_OUTPUT (files that are shown once they are closed) and works where Batch put it. What it says
# goes to TaskLog, where it can be followed while it runs.
set -euo pipefail

mount=$AZ_BATCH_NODE_MOUNTS_DIR/outputfs
outputs=$mount/$(readlink "$mount/self")
# Makes the job's container if it is not there, as the library's PrepareOutputStorageAsync does.
mkdir -p "$outputs"

status=0
TASK_OUTPUT=$outputs/TaskOutput "$@" > "$outputs/TaskLog/stdout.txt" 2> "$outputs/TaskLog/stderr.txt" || status=$?

# A task whose outputs are not in the store has failed. Images of containers need no outputfs: what was closed is there.
if command -v outputfs > /dev/null; then outputfs drain || [ "$status" != 0 ] || status=74; fi
exit "$status"
