internal import ArgumentParser

struct JobsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Look at the outputs of jobs, wait for them, remove them: of Batch, Azure ML and foreach loops.",
        discussion: """
            A JOB is its id, or its folder in the tree where an id is used twice: jobs/film, runs/quiet_cow_1, \
            foreach/job20261121. What is told comes from storage alone; with a credential for the Batch account its \
            jobs have their true ids, and a state.

            EXAMPLES
              outputfs jobs list --kind azureml
              outputfs jobs show film
              outputfs jobs tree --depth 2 runs/quiet_cow_1
              outputfs jobs wait film --for 'tasks/*/TaskOutput/result.csv' --count 100 --timeout 1h
              outputfs jobs rm --older-than 30d --kind foreach
            """,
        subcommands: [
            JobsListCommand.self, JobsShowCommand.self, JobsTreeCommand.self, JobsWaitCommand.self,
            JobsRemoveCommand.self,
        ]
    )
}
