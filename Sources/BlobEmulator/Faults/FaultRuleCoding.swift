/// Rules as JSON, for the control interface: `{"operation": "Get Blob", "blob": "a*", "skip": 1, "times": 2,
/// "effect": "status", "status": 503, "code": "ServerBusy", "retryAfter": 1, "applied": false}`.
extension FaultRule: Codable {
    private enum Key: String, CodingKey {
        case operation, blob, skip, times, effect
        case milliseconds, bytesPerSecond, status, code, retryAfter, applied, when, bytes, part, byte, entries
        case requestsPerSecond, seconds, checksum
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        // A rule that can never match is a mistake in the test that sent it.
        if let name = try fields.decodeIfPresent(String.self, forKey: .operation), Operation(rawValue: name) == nil {
            throw Self.unknown("operation", fields)
        }
        self.init(
            try Self.effect(fields),
            operation: try fields.decodeIfPresent(String.self, forKey: .operation),
            blob: try fields.decodeIfPresent(String.self, forKey: .blob),
            skip: try fields.decodeIfPresent(Int.self, forKey: .skip) ?? 0,
            times: try fields.decodeIfPresent(Int.self, forKey: .times)
        )
    }

    private static func effect(_ fields: KeyedDecodingContainer<Key>) throws -> FaultEffect {
        func integer(_ key: Key) throws -> Int { try fields.decode(Int.self, forKey: key) }
        let name = try fields.decode(String.self, forKey: .effect)
        switch name {
        case "delay": return .delay(milliseconds: try integer(.milliseconds))
        case "hold": return .hold
        case "bodyRate": return .bodyRate(bytesPerSecond: try integer(.bytesPerSecond))
        case "status":
            return .status(
                try integer(.status),
                code: try fields.decode(String.self, forKey: .code),
                retryAfter: try fields.decodeIfPresent(Int.self, forKey: .retryAfter),
                applied: try fields.decodeIfPresent(Bool.self, forKey: .applied) ?? false
            )
        case "reset":
            switch try fields.decode(String.self, forKey: .when) {
            case "beforeApplying": return .reset(.beforeApplying)
            case "afterApplying": return .reset(.afterApplying)
            case "afterBodyBytes": return .reset(.afterBodyBytes(try integer(.bytes)))
            case "afterRequestBytes": return .reset(.afterRequestBytes(try integer(.bytes)))
            default: throw unknown("when", fields)
            }
        case "cut": return .cut(afterBytes: try integer(.bytes))
        case "stall":
            return .stall(
                try fields.decode(FaultEffect.StalledPart.self, forKey: .part),
                afterBytes: try integer(.bytes),
                milliseconds: try integer(.milliseconds)
            )
        case "corrupt": return .corrupt(byte: try integer(.byte))
        case "corruptRequest": return .corruptRequest(byte: try integer(.byte))
        case "wrongChecksum": return .wrongChecksum
        case "withoutRangeChecksum":
            return .withoutRangeChecksum(try fields.decode(FaultEffect.Checksum.self, forKey: .checksum))
        case "shortPages": return .shortPages(entries: try integer(.entries))
        case "throttle":
            return .throttle(
                requestsPerSecond: try integer(.requestsPerSecond),
                retryAfter: try fields.decodeIfPresent(Int.self, forKey: .retryAfter)
            )
        case "pendingCopy": return .pendingCopy(milliseconds: try integer(.milliseconds))
        case "pendingRehydration": return .pendingRehydration(milliseconds: try integer(.milliseconds))
        case "containerBeingDeleted": return .containerBeingDeleted(seconds: try integer(.seconds))
        default: throw unknown("effect", fields)
        }
    }

    private static func unknown(_ field: String, _ fields: KeyedDecodingContainer<Key>) -> DecodingError {
        .dataCorrupted(.init(codingPath: fields.codingPath, debugDescription: "\(field) is none that is known"))
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encodeIfPresent(operation, forKey: .operation)
        try fields.encodeIfPresent(blob, forKey: .blob)
        try fields.encode(skip, forKey: .skip)
        try fields.encodeIfPresent(times, forKey: .times)
        switch effect {
        case .delay(let milliseconds):
            try fields.encode("delay", forKey: .effect)
            try fields.encode(milliseconds, forKey: .milliseconds)
        case .hold: try fields.encode("hold", forKey: .effect)
        case .bodyRate(let rate):
            try fields.encode("bodyRate", forKey: .effect)
            try fields.encode(rate, forKey: .bytesPerSecond)
        case .status(let status, let code, let retryAfter, let isApplied):
            try fields.encode("status", forKey: .effect)
            try fields.encode(status, forKey: .status)
            try fields.encode(code, forKey: .code)
            try fields.encodeIfPresent(retryAfter, forKey: .retryAfter)
            try fields.encode(isApplied, forKey: .applied)
        case .reset(let point):
            try fields.encode("reset", forKey: .effect)
            switch point {
            case .beforeApplying: try fields.encode("beforeApplying", forKey: .when)
            case .afterApplying: try fields.encode("afterApplying", forKey: .when)
            case .afterBodyBytes(let bytes):
                try fields.encode("afterBodyBytes", forKey: .when)
                try fields.encode(bytes, forKey: .bytes)
            case .afterRequestBytes(let bytes):
                try fields.encode("afterRequestBytes", forKey: .when)
                try fields.encode(bytes, forKey: .bytes)
            }
        case .cut(let bytes):
            try fields.encode("cut", forKey: .effect)
            try fields.encode(bytes, forKey: .bytes)
        case .stall(let part, let bytes, let milliseconds):
            try fields.encode("stall", forKey: .effect)
            try fields.encode(part, forKey: .part)
            try fields.encode(bytes, forKey: .bytes)
            try fields.encode(milliseconds, forKey: .milliseconds)
        case .corrupt(let byte):
            try fields.encode("corrupt", forKey: .effect)
            try fields.encode(byte, forKey: .byte)
        case .corruptRequest(let byte):
            try fields.encode("corruptRequest", forKey: .effect)
            try fields.encode(byte, forKey: .byte)
        case .wrongChecksum:
            try fields.encode("wrongChecksum", forKey: .effect)
        case .withoutRangeChecksum(let checksum):
            try fields.encode("withoutRangeChecksum", forKey: .effect)
            try fields.encode(checksum, forKey: .checksum)
        case .shortPages(let entries):
            try fields.encode("shortPages", forKey: .effect)
            try fields.encode(entries, forKey: .entries)
        case .throttle(let rate, let retryAfter):
            try fields.encode("throttle", forKey: .effect)
            try fields.encode(rate, forKey: .requestsPerSecond)
            try fields.encodeIfPresent(retryAfter, forKey: .retryAfter)
        case .pendingCopy(let milliseconds):
            try fields.encode("pendingCopy", forKey: .effect)
            try fields.encode(milliseconds, forKey: .milliseconds)
        case .pendingRehydration(let milliseconds):
            try fields.encode("pendingRehydration", forKey: .effect)
            try fields.encode(milliseconds, forKey: .milliseconds)
        case .containerBeingDeleted(let seconds):
            try fields.encode("containerBeingDeleted", forKey: .effect)
            try fields.encode(seconds, forKey: .seconds)
        }
    }
}
