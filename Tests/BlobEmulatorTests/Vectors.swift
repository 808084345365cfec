import Foundation

/// The known answers beside these tests.
enum Vectors {
    static func load<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
        let file = Bundle.module.bundleURL.appending(path: "Vectors/\(name).json")
        return try JSONDecoder().decode(type, from: Data(contentsOf: file))
    }

    struct SharedKeyFile: Decodable {
        var vectors: [SharedKeyVector]
        var documented_but_not_sdk: [SharedKeyVector]
    }

    struct SharedKeyVector: Decodable {
        var id: String
        var account: String
        var key: String
        var method: String
        var url: String
        var headers: [String: String]
        var string_to_sign: String
        var signature: String
    }

    struct TokenFile: Decodable {
        struct Vector: Decodable {
            var id: String
            var key: String
            var string_to_sign: String
            var signature: String
            var query: [String: String]
        }
        var vectors: [Vector]
    }

    struct TokenVersionFile: Decodable {
        struct Vector: Decodable {
            var sv: String
            var string_to_sign: String
            var sig: String
        }
        var service: [Vector]
        var user_delegation: [Vector]
    }

    struct ChecksumFile: Decodable {
        struct Vector: Decodable {
            var name: String
            var length: Int
            var hex_data: String?
            var crc_hex: String
            var header_value: String
        }
        var vectors: [Vector]
    }
}
