"""R on the other side: what its saveRDS writes, and what its readRDS makes of what salvage joined."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parents[1] / "RDSTests" / "Vectors"
sys.path.append(str(HERE.parents[1] / "CommandTests"))

from foreach_jobs import Job  # noqa: E402
from program import emulator, outputfs  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("Rscript"), reason="R is not installed (apt-get install r-base-core)")

# Results as the worker makes them, in files of one version; errors where a number can be divided by 5.
MAKE = """
a <- commandArgs(TRUE); version <- as.integer(a[2])
value <- function(i) switch(i %% 7 + 1, NULL, i, data.frame(x = seq_len(i)), y ~ x, function(n) n + i, lm(dist ~ speed, cars), as.character(seq_len(i)))
for (task in 1:6) {
  range <- (4 * task - 3):(4 * task)
  result <- lapply(range, function(i) tryCatch(if (i %% 5 == 0) stop("fifth: ", i) else value(i), error = function(e) e))
  names(result) <- seq(min(range), max(range))
  saveRDS(result, file.path(a[1], paste0(task, ".rds")), version = version)
}
"""
# Environments are new ones in each file that is read: they are compared by what is in them.
COMPARE = """
a <- commandArgs(TRUE)
wanted <- do.call(c, lapply(1:6, function(task) readRDS(file.path(a[1], paste0(task, ".rds")))))
if (a[3] == "good") wanted <- Filter(function(x) !inherits(x, "error"), wanted)
found <- readRDS(a[2])
stopifnot(identical(names(found), names(wanted)))
same <- mapply(function(x, y) isTRUE(all.equal(x, y)) && identical(class(x), class(y)), found, wanted)
if (!all(same)) stop("not the same: ", paste(names(which(!same)), collapse = ", "))
plain <- !sapply(wanted, function(x) is.function(x) || inherits(x, c("lm", "formula", "error")))
stopifnot(identical(found[plain], wanted[plain]))
raw <- gzcon(file(a[2], "rb")); stopifnot(length(readRDS(raw)) == length(wanted)); close(raw)
cat(length(found))
"""


def r(script, *arguments):
    ended = subprocess.run(["Rscript", "-e", script, *map(str, arguments)], capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def server():
    with emulator() as running:
        yield running


@pytest.mark.parametrize("version", [2, 3])
def test_r_reads_one_list_out_of_all_results(server, tmp_path, version):
    from azure.storage.blob import BlobServiceClient

    (tmp_path / "made").mkdir()
    r(MAKE, tmp_path / "made", version)
    job = Job(BlobServiceClient.from_connection_string(server.connection_string), f"r-job-{version}", tasks=6, size=4)
    for task in range(1, 7):
        job.put(f"results/{task}-result.rds", (tmp_path / f"made/{task}.rds").read_bytes())
    run = lambda *arguments: outputfs("foreach", *arguments, AZURE_STORAGE_CONNECTION_STRING=server.connection_string)  # noqa: E731
    errors = json.loads(run("errors", "--json", job.name).out)["errors"]
    assert [(error["iteration"], error["message"]) for error in errors] == [(str(n), f"fifth: {n}") for n in [5, 10, 15, 20]]
    for drop, name, count in [([], "all", 24), (["--drop-errors"], "good", 20)]:
        ended = run("salvage", job.name, "--merged", tmp_path / f"{name}.rds", *drop)
        assert ended.status == 0, ended.err
        assert r(COMPARE, tmp_path / "made", tmp_path / f"{name}.rds", name) == str(count)


@pytest.mark.parametrize("version", [2, 3])
def test_r_finds_what_was_first_met_in_an_error_that_was_dropped(server, tmp_path, version):
    from azure.storage.blob import BlobServiceClient

    job = Job(BlobServiceClient.from_connection_string(server.connection_string), f"r-refers-{version}", tasks=2, size=3)
    job.put("results/1-result.rds", (VECTORS / f"refers-to-error-v{version}.rds").read_bytes())
    job.put("results/2-result.rds", (VECTORS / f"kinds-v{version}.rds").read_bytes())
    ended = outputfs(
        "foreach", "salvage", job.name, "--merged", tmp_path / "good.rds", "--drop-errors",
        AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
    )
    assert ended.status == 0, ended.err
    answer = r(
        "x <- readRDS(commandArgs(TRUE)[1]); y <- readRDS(commandArgs(TRUE)[2]); k <- x[-(1:2)];"
        "s <- !sapply(y, function(v) is.function(v) || is.environment(v) || inherits(v, 'formula') || is.list(v) && any(sapply(v, is.environment)));"
        "stopifnot(identical(k[s], y[s])); cat(x[[1]](), deparse(x[[2]]), length(k), k[[28]](10))",
        tmp_path / "good.rds", VECTORS / f"kinds-v{version}.rds",
    )
    assert answer.split() == ["reached", "kept", "35", "-5"]


def test_the_files_of_the_unit_tests_can_be_made_again(tmp_path):
    r(f"commandArgs <- function(...) '{tmp_path}'; source('{VECTORS / 'make.R'}')")
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in VECTORS.glob("*.rds")}
