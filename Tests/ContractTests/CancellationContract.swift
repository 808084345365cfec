import BlobStorage
import Testing

/// What storage promises about operations that nobody waits for any more.
@Suite(.timeLimit(.minutes(5)))
struct CancellationContract {
    @Test(arguments: StorageUnderTest.available)
    func `an operation of a cancelled task fails with cancelled and does nothing`(storage: StorageUnderTest)
        async throws
    {
        try await Bench.run(storage) { bench in
            try await bench.put("there", "text")
            await expectCancelled { try await bench.store.properties(of: bench.address("there")) }
            await expectCancelled { try await bench.put("x", "text") }
            await expectCancelled { try await bench.stage(0, "text", of: "x") }
            await expectCancelled { try await bench.commit([], of: "x") }
            await expectCancelled { try await bench.store.delete(bench.address("there"), condition: .any) }
            await expectCancelled {
                try await bench.store.listBlobs(BlobQuery(container: bench.container), after: nil)
            }
            #expect(try await bench.names() == ["there"])
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `an upload that is cancelled while it is sent ends, and is either there or not`(
        storage: StorageUnderTest
    ) async throws {
        try await Bench.run(storage) { bench in
            let count = 1 << 20
            let body = UploadBody(byteCount: count, checksum: .none) { offset, buffer in
                let count = min(buffer.count, count - offset)
                for index in 0..<count { buffer[index] = 7 }
                return count
            }
            for round in 0..<5 {
                let blob = bench.address("x\(round)")
                let task = Task { try await bench.store.putBlob(blob, body, headers: BlobHeaders(), condition: .any) }
                for _ in 0..<round * 10 { await Task.yield() }
                task.cancel()
                switch await task.result {
                case .success: #expect(try await bench.store.properties(of: blob).length == UInt64(count))
                case .failure(let error): #expect((error as? StorageError)?.kind == .cancelled)
                }
            }
            for name in try await bench.names() {
                #expect(try await bench.store.properties(of: bench.address(name)).length == UInt64(count))
            }
        }
    }

    private func expectCancelled<Value: Sendable>(
        sourceLocation: SourceLocation = #_sourceLocation,
        _ operation: @escaping @Sendable () async throws -> Value
    ) async {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await operation()
        }
        await expectFailure(.cancelled, sourceLocation: sourceLocation) { try await task.value }
    }
}
