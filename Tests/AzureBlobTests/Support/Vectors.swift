import Foundation
import Testing

/// Known answers, recorded from Microsoft's own libraries.
enum Vectors {
    static func load<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Vectors"))
        let decoder = JSONDecoder()
        return try decoder.decode(Value.self, from: Data(contentsOf: url))
    }
}
