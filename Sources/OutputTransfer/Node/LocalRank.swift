/// Which of the processes that work together on one machine this is, as their launcher says it.
package struct LocalRank: Sendable, Hashable, CustomStringConvertible {
    package let number: Int

    /// From torchrun and Azure ML, Open MPI, Intel MPI, Slurm, and MPICH's Hydra.
    package static let variables = [
        "LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID", "PMI_LOCAL_RANK",
    ]

    package struct Malformed: Error, Sendable, Hashable {
        package let variable: String
        package let value: String
    }

    init(_ number: Int) { self.number = number }

    /// The first of the variables that says something; none: a process on its own, which is number 0.
    package init(environment: [String: String]) throws(Malformed) {
        for variable in Self.variables {
            guard let value = environment[variable], !value.isEmpty else { continue }
            guard let number = Int(value), number >= 0 else { throw Malformed(variable: variable, value: value) }
            self.number = number
            return
        }
        number = 0
    }

    /// It does the work, and the others wait.
    package var leads: Bool { number == 0 }

    package var description: String { "local rank \(number)" }
}
