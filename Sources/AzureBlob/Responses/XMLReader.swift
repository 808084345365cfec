internal import CExpat
internal import Glibc

/// What an `XMLReader` found. Names are those of the service's elements: ASCII, without namespaces.
///
/// A value, not an object: a page of 5,000 blobs is 250,000 calls, and checking every access to an object's properties
/// for exclusivity took a third of their time.
protocol XMLVisitor {
    mutating func begin(_ element: XMLName, isEncoded: Bool)
    /// `text` is all that stood in the element since its own or its last child's tag; valid during the call only.
    mutating func end(_ element: XMLName, text: UnsafeBufferPointer<UInt8>)
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
struct XMLReader<Visitor: XMLVisitor>: ~Copyable {
    private let parser: XML_Parser
    private let context: UnsafeMutablePointer<XMLContext>
    private let visitor: UnsafeMutablePointer<Visitor>

    init(visitor initial: Visitor) throws(XMLError) {
        guard let parser = XML_ParserCreate("UTF-8") else { throw XMLError(description: "out of memory") }
        self.parser = parser
        visitor = .allocate(capacity: 1)
        visitor.initialize(to: initial)
        context = .allocate(capacity: 1)
        context.initialize(
            to: XMLContext(
                visitor: visitor,
                begin: { $0.assumingMemoryBound(to: Visitor.self).pointee.begin($1, isEncoded: $2) },
                end: { $0.assumingMemoryBound(to: Visitor.self).pointee.end($1, text: $2) }
            )
        )
        // Both outlive the parser: all three go with this value.
        XML_SetUserData(parser, context)
        XMLContext.setHandlers(of: parser)
    }

    deinit {
        XML_ParserFree(parser)
        context.deinitialize(count: 1)
        context.deallocate()
        visitor.deinitialize(count: 1)
        visitor.deallocate()
    }

    /// What was read so far.
    var read: Visitor { visitor.pointee }

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
    mutating func finish() throws(XMLError) {
        try parse(UnsafeRawBufferPointer(start: nil, count: 0), isFinal: true)
    }

    private borrowing func parse(_ bytes: UnsafeRawBufferPointer, isFinal: Bool) throws(XMLError) {
        let start = bytes.assumingMemoryBound(to: CChar.self).baseAddress
        guard XML_Parse(parser, start, Int32(bytes.count), isFinal ? 1 : 0) == XML_STATUS_OK else {
            let reason = XML_ErrorString(XML_GetErrorCode(parser)).map { String(cString: $0) } ?? "unknown"
            throw XMLError(description: "\(reason) in line \(XML_GetCurrentLineNumber(parser))")
        }
    }

    /// Visits a whole document. `visitor` holds what was read before an error, too.
    static func read(_ document: [UInt8], into visitor: inout Visitor) throws(XMLError) {
        var reader = try XMLReader(visitor: visitor)
        let result: Result<Void, XMLError> = document.withUnsafeBytes { bytes in
            Result { () throws(XMLError) in
                try reader.feed(bytes)
                try reader.finish()
            }
        }
        visitor = reader.read
        try result.get()
    }
}

/// What expat's callbacks are given: C functions know no generic types.
private struct XMLContext {
    let visitor: UnsafeMutableRawPointer
    let begin: (UnsafeMutableRawPointer, XMLName, _ isEncoded: Bool) -> Void
    let end: (UnsafeMutableRawPointer, XMLName, UnsafeBufferPointer<UInt8>) -> Void
    /// Since the last tag.
    var text: [UInt8] = []

    static func setHandlers(of parser: XML_Parser) {
        XML_SetElementHandler(
            parser,
            { data, name, attributes in
                guard let context = data?.assumingMemoryBound(to: XMLContext.self), let name else { return }
                if !context.pointee.text.isEmpty { context.pointee.text.removeAll(keepingCapacity: true) }
                context.pointee.begin(context.pointee.visitor, XMLName(start: name), XMLContext.isEncoded(attributes))
            },
            { data, name in
                guard let context = data?.assumingMemoryBound(to: XMLContext.self), let name else { return }
                context.pointee.text.withUnsafeBufferPointer {
                    context.pointee.end(context.pointee.visitor, XMLName(start: name), $0)
                }
                if !context.pointee.text.isEmpty { context.pointee.text.removeAll(keepingCapacity: true) }
            }
        )
        XML_SetCharacterDataHandler(parser) { data, characters, count in
            guard let context = data?.assumingMemoryBound(to: XMLContext.self), let characters else { return }
            context.pointee.text.append(contentsOf: UnsafeRawBufferPointer(start: characters, count: Int(count)))
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

extension UnsafeBufferPointer<UInt8> {
    var string: String { String(decoding: self, as: UTF8.self) }
}
