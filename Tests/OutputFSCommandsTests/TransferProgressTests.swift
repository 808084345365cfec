import OutputTransfer
import Testing

@testable import OutputFSCommands

/// The line that a transfer shows.
struct TransferProgressTests {
    @Test func `nothing is shown after the end, whatever was on its way`() throws {
        let pipe = try #require(Pipe())
        let progress = TransferProgress(line: ProgressLine(isTerminal: true, descriptor: pipe.writeEnd))
        #expect(progress.step { TransferCounters() })
        let goesOn = progress.step {
            // The transfer ends while its counters are read.
            progress.end()
            return TransferCounters()
        }
        #expect(!goesOn)
        pipe.closeWriteEnd()
        let shown = String(decoding: pipe.readToEnd(), as: UTF8.self)
        #expect(shown.contains("0 of 0+ files"))
        #expect(shown.hasSuffix("\r\u{1B}[K"))
    }
}
