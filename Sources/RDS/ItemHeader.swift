/// What kind an item of an RDS file is, by R's own numbers and names (Rinternals.h, serialize.c).
enum ItemType {
    static let symbol: UInt8 = 1
    static let pairs: UInt8 = 2
    static let closure: UInt8 = 3
    static let environment: UInt8 = 4
    static let promise: UInt8 = 5
    static let call: UInt8 = 6
    static let special: UInt8 = 7
    static let builtin: UInt8 = 8
    static let characters: UInt8 = 9
    static let logicals: UInt8 = 10
    static let integers: UInt8 = 13
    static let reals: UInt8 = 14
    static let complexes: UInt8 = 15
    static let strings: UInt8 = 16
    static let dots: UInt8 = 17
    static let list: UInt8 = 19
    static let expressions: UInt8 = 20
    static let bytecode: UInt8 = 21
    static let externalPointer: UInt8 = 22
    static let weakReference: UInt8 = 23
    static let raw: UInt8 = 24
    static let s4: UInt8 = 25
    static let altrep: UInt8 = 238
    static let bytecodeAttributedPairs: UInt8 = 239
    static let bytecodeAttributedCall: UInt8 = 240
    static let baseEnvironment: UInt8 = 241
    static let emptyEnvironment: UInt8 = 242
    static let bytecodeReference: UInt8 = 243
    static let bytecodeDefinition: UInt8 = 244
    static let persistent: UInt8 = 247
    static let package: UInt8 = 248
    static let namespace: UInt8 = 249
    static let baseNamespace: UInt8 = 250
    static let missingArgument: UInt8 = 251
    static let unboundValue: UInt8 = 252
    static let globalEnvironment: UInt8 = 253
    static let null: UInt8 = 254
    static let reference: UInt8 = 255

    /// Types that later items refer to by their number, in order of appearance.
    static func isReferable(_ type: UInt8) -> Bool {
        switch type {
        case symbol, environment, externalPointer, weakReference, persistent, package, namespace: true
        default: false
        }
    }

    /// What people call it.
    static func name(_ type: UInt8) -> String {
        switch type {
        case symbol: "a symbol"
        case pairs, dots: "a pairlist"
        case closure, special, builtin: "a function"
        case environment, baseEnvironment, emptyEnvironment, globalEnvironment: "an environment"
        case call: "a call"
        case logicals: "a logical vector"
        case integers: "an integer vector"
        case reals: "a numeric vector"
        case complexes: "a complex vector"
        case strings: "a character vector"
        case list: "a list"
        case raw: "a raw vector"
        case s4: "an S4 object"
        case null: "NULL"
        case altrep: "a compact vector"
        default: "an object of R's type \(type)"
        }
    }
}

/// The first number of an item: its type in the low byte, then flags.
struct ItemHeader {
    /// As it stands in the file.
    let bits: Int32
    let type: UInt8
    /// Of a reference: which item is meant, counted from 0.
    var target = 0

    init(_ bits: Int32) {
        self.bits = bits
        type = UInt8(truncatingIfNeeded: bits)
    }

    /// It has a class.
    var isObject: Bool { bits & 0x100 != 0 }
    var hasAttributes: Bool { bits & 0x200 != 0 }
    var hasTag: Bool { bits & 0x400 != 0 }
    /// Of a reference: its number, counted from 1; 0: a number of its own follows.
    var packedReference: Int { Int(bits >> 8) }

    /// Of a string, in the levels from bit 12 on: how it is encoded.
    static let latin1: Int32 = 4 << 12
    static let utf8: Int32 = 8 << 12
    static let ascii: Int32 = 64 << 12
}
