internal import ArgumentParser

extension CompletionKind {
    /// What is mounted, by whomever; findmnt(8) is on every machine that has mount(8).
    static var mountPoints: CompletionKind { .shellCommand("findmnt -rno TARGET -t fuse.outputfs") }
}
