"""Containers as the releases of doAzureParallel leave them."""

import rds

SCRIPTS = ["worker.R", "merger.R", "install_github.R", "install_cran.R", "install_bioconductor.R"]


class Job:
    """A job of the current layout. `tasks` is how many there are, `size` how many iterations of each."""

    def __init__(self, service, name, tasks=4, size=2, mode="stop", version=2, combine="TRUE"):
        self.name, self.size, self.version = name, size, version
        self.container = service.create_container(name)
        for script in SCRIPTS:
            self.put(script, b"# R\n")
        self.put(f"{name}.rds", rds.environment(version, argsList=[float(n) for n in range(tasks * size)], github="azure/rAzureBatch@v0.7.0"))
        self.put(f"{name}-metadata.rds", rds.metadata(size, mode, combine, "stats;utils", version))

    def put(self, name, data):
        self.container.upload_blob(name, data, overwrite=True)

    def values(self, task, failing=()):
        first = (task - 1) * self.size + 1
        return [rds.Failure(f"bad {n}") if n in failing else float(n) for n in range(first, first + self.size)]

    def finish(self, task, failing=()):
        """What Batch uploads at a task's end."""
        first = (task - 1) * self.size + 1
        self.put(f"results/{task}-result.rds", rds.result(self.values(task, failing), first, self.version))
        self.put(f"logs/{task}.txt", f"log of {task}\nError Code: {int(bool(failing))}\n")
        self.put(f"stdout/{task}-stdout.txt", b"")
        self.put(f"stderr/{task}-stderr.txt", b"warning\n")

    def merge(self, tasks):
        values = [value for task in range(1, tasks + 1) for value in self.values(task)]
        for name in ["logs/merge.txt", "stdout/merge-stdout.txt", "stderr/merge-stderr.txt"]:
            self.put(name, b"")
        self.put("results/merge-result.rds", rds.result(values, 1, self.version))


def old_job(service, name, release, tasks=3, data_set=False):
    """0.2, 0.3 (to 0.6.1) and 0.6.2: ids with the job's name, results in `result/`."""
    container = service.create_container(name)
    for task in range(1, tasks + 1):
        id = f"{name}-task{task}"
        if release == "0.2" or data_set:
            container.upload_blob(f"{id}.rds", rds.result([float(task)]))
        container.upload_blob(f"result/{id}-result.rds", rds.result([float(task)], task))
        container.upload_blob(f"logs/{id}.txt", b"log")
        if release != "0.2":
            container.upload_blob(f"stdout/{id}-stdout.txt", b"")
            container.upload_blob(f"stderr/{id}-stderr.txt", b"")
    if release != "0.2":
        for script in ["worker.R", "merger.R"]:
            container.upload_blob(script, b"# R\n")
        container.upload_blob(f"{name}.rds", rds.environment(argsList=[1.0] * tasks))
    if release == "0.6.2":
        container.upload_blob(f"{name}-metadata.rds", rds.metadata())
    return container
