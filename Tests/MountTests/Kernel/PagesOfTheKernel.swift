import Testing

/// Suites that count what the kernel asks for: one after the other, since there is one page cache and some of them have
/// to empty it.
@Suite(.serialized) enum PagesOfTheKernel {}
