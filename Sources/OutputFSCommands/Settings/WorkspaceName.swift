internal import FoundationEssentials

/// Which Azure ML workspace this is about, found where hi-ml and the SDK look: first what a run is told of its own, then
/// `config.json` in the working directory or one above it, then hi-ml's variable.
///
/// Only its name: which storage account it has is not written there. A table `[workspaces."<name>"]` of a
/// configuration file says that.
enum WorkspaceName {
    static let fileName = "config.json"

    /// - Returns: `nil` where nothing names one.
    static func find(
        environment: [String: String],
        workingDirectory: String,
        readFile: (String) -> Result<[UInt8], Errno>
    ) -> String? {
        func named(_ variable: String) -> String? { environment[variable].flatMap { $0.isEmpty ? nil : $0 } }
        if let own = named("AZUREML_ARM_WORKSPACE_NAME") { return own }
        let ends = (environment["PYTHONPATH"] ?? "").utf8.split(separator: UInt8(ascii: ":"))
            .map { String(Substring($0)) }
        for directory in directories(from: workingDirectory, endingAt: ends) {
            guard case .success(let bytes) = readFile(Path.join(directory, fileName)) else { continue }
            // Many programs have a file of that name: one that names no workspace is theirs.
            if let file = try? JSONDecoder().decode(File.self, from: Data(bytes)) { return file.workspaceName }
        }
        return named("HIML_WORKSPACE_NAME")
    }

    private struct File: Decodable {
        let workspaceName: String

        enum CodingKeys: String, CodingKey { case workspaceName = "workspace_name" }
    }

    /// From the working directory up to the root, or to one from which Python takes modules: a project ends there.
    private static func directories(from directory: String, endingAt ends: [String]) -> [String] {
        var found: [String] = []
        var path = directory
        while true {
            found.append(path)
            guard path != "/", !ends.contains(where: { $0.utf8.elementsEqual(path.utf8) }),
                let slash = path.lastIndex(of: "/")
            else { return found }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }
}
