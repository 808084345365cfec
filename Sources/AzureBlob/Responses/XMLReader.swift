internal import CExpat
internal import Glibc

/// What an `XMLReader` found. Names are those of the service's elements: ASCII, without namespaces.
protocol XMLVisitor: AnyObject {
    func begin(_ element: XMLName, isEncoded: Bool)
    /// `text` is all that stood in the element since its own or its last child's tag; valid during the call only.
    func end(_ element: XMLName, text: UnsafeBufferPointer<UInt8>)
}

/// An element's name as expat lends it.
struct XMLName {
    fileprivate let start: UnsafePointer<CChar>

    /// Both end in a NUL. By the C library's comparison: a page of 5,000 blobs asks this a few hundred thousand times.
    func matches(_ name: StaticString) -> Bool {
        strcmp(start, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)) == 0
    }

    var text: String { String(cString: start) }
}

/// XML that does not parse: cut short, or not XML at all.
struct XMLError: Error, Sendable, CustomStringConvertible {
    let description: String
}

/// Expat, fed in pieces of any size as they come. It skips a byte order mark, never loads external entities, and since
/// version 2.4 bounds what internal ones expand to.
struct XMLReader: ~Copyable {
    private let parser: XML_Parser
    private let context: Context

    private final class Context {
        let visitor: any XMLVisitor
        var text: [UInt8] = []

        init(_ visitor: any XMLVisitor) { self.visitor = visitor }
    }

    init(visitor: any XMLVisitor) throws(XMLError) {
        guard let parser = XML_ParserCreate("UTF-8") else { throw XMLError(description: "out of memory") }
        self.parser = parser
        context = Context(visitor)
        // `context` outlives the parser: both go with this value, and callbacks come during `feed` only.
        XML_SetUserData(parser, Unmanaged.passUnretained(context).toOpaque())
        XML_SetElementHandler(
            parser,
            { data, name, attributes in
                guard let data, let name else { return }
                let context = Unmanaged<Context>.fromOpaque(data).takeUnretainedValue()
                context.text.removeAll(keepingCapacity: true)
                context.visitor.begin(XMLName(start: name), isEncoded: XMLReader.isEncoded(attributes))
            },
            { data, name in
                guard let data, let name else { return }
                let context = Unmanaged<Context>.fromOpaque(data).takeUnretainedValue()
                context.text.withUnsafeBufferPointer { context.visitor.end(XMLName(start: name), text: $0) }
                context.text.removeAll(keepingCapacity: true)
            }
        )
        XML_SetCharacterDataHandler(parser) { data, characters, count in
            guard let data, let characters else { return }
            let context = Unmanaged<Context>.fromOpaque(data).takeUnretainedValue()
            context.text.append(contentsOf: UnsafeRawBufferPointer(start: characters, count: Int(count)))
        }
    }

    deinit { XML_ParserFree(parser) }

    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(XMLError) {
        // Expat counts in Int32.
        var rest = bytes
        while !rest.isEmpty {
            let piece = rest.prefix(1 << 20)
            try parse(UnsafeRawBufferPointer(rebasing: piece), isFinal: false)
            rest = UnsafeRawBufferPointer(rebasing: rest[piece.endIndex...])
        }
    }

    /// Nothing more comes: throws if the document is not complete.
    consuming func finish() throws(XMLError) {
        try parse(UnsafeRawBufferPointer(start: nil, count: 0), isFinal: true)
    }

    private borrowing func parse(_ bytes: UnsafeRawBufferPointer, isFinal: Bool) throws(XMLError) {
        let start = bytes.assumingMemoryBound(to: CChar.self).baseAddress
        guard XML_Parse(parser, start, Int32(bytes.count), isFinal ? 1 : 0) == XML_STATUS_OK else {
            let reason = XML_ErrorString(XML_GetErrorCode(parser)).map { String(cString: $0) } ?? "unknown"
            throw XMLError(description: "\(reason) in line \(XML_GetCurrentLineNumber(parser))")
        }
    }

    /// Whether the attributes hold `Encoded="true"`: such a name is percent-encoded because XML could not hold it.
    private static func isEncoded(_ attributes: UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> Bool {
        guard var attribute = attributes else { return false }
        while let name = attribute[0], let value = attribute[1] {
            if XMLName(start: name).matches("Encoded") { return XMLName(start: value).matches("true") }
            attribute += 2
        }
        return false
    }
}

extension XMLReader {
    /// Visits a whole document.
    static func read(_ document: [UInt8], visitor: any XMLVisitor) throws(XMLError) {
        var reader = try XMLReader(visitor: visitor)
        let result: Result<Void, XMLError> = document.withUnsafeBytes { bytes in
            Result { () throws(XMLError) in try reader.feed(bytes) }
        }
        try result.get()
        try reader.finish()
    }
}

extension UnsafeBufferPointer<UInt8> {
    var string: String { String(decoding: self, as: UTF8.self) }
}
