internal import CExpat

/// A parsed element: enough for the small documents that operations take.
final class XMLElement {
    let name: String
    fileprivate(set) var text = ""
    fileprivate(set) var children: [XMLElement] = []

    fileprivate init(_ name: String) {
        self.name = name
    }

    func child(_ name: String) -> XMLElement? {
        children.first { $0.name == name }
    }

    /// Parses a document with this root; `InvalidXmlDocument` for anything else.
    static func parse(_ document: [UInt8], root name: String) throws(Failure) -> XMLElement {
        let parser = XML_ParserCreate(nil)
        defer { XML_ParserFree(parser) }
        let tree = XMLTree()
        XML_SetUserData(parser, Unmanaged.passUnretained(tree).toOpaque())
        XML_SetElementHandler(
            parser,
            { context, name, _ in XMLTree.from(context)?.start(name.map { String(cString: $0) } ?? "") },
            { context, _ in XMLTree.from(context)?.end() }
        )
        XML_SetCharacterDataHandler(parser) { context, text, length in
            guard let text else { return }
            let bytes = UnsafeRawBufferPointer(start: text, count: Int(length))
            XMLTree.from(context)?.characters(String(decoding: bytes, as: UTF8.self))
        }
        let status = document.withUnsafeBytes { bytes in
            XML_Parse(parser, bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count), 1)
        }
        guard status == XML_STATUS_OK, let root = tree.root, root.name == name else {
            throw .code(.invalidXmlDocument)
        }
        return root
    }
}

private final class XMLTree {
    var root: XMLElement?
    private var path: [XMLElement] = []

    static func from(_ context: UnsafeMutableRawPointer?) -> XMLTree? {
        context.map { Unmanaged<XMLTree>.fromOpaque($0).takeUnretainedValue() }
    }

    func start(_ name: String) {
        let element = XMLElement(name)
        if let parent = path.last { parent.children.append(element) } else { root = element }
        path.append(element)
    }

    func end() {
        path.removeLast()
    }

    func characters(_ text: String) {
        path.last?.text += text
    }
}
