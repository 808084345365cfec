import BlobStorage
import FileSystemModel
import HandOver
import OutputConventions

/// A directory that the kernel knows by id.
struct SurvivingDirectory {
    let node: NodeID
    let inode: UInt64
    let place: TreePlace

    init?(_ key: UInt64, _ bytes: [UInt8]) {
        var reader = RecordReader(bytes)
        guard let inode = reader.integer(UInt64.self), let kind = reader.integer(UInt8.self).flatMap(PlaceKind.init),
            let container = reader.text(), let text = reader.text(),
            let place = TreePlace(kind, container: container, text: text)
        else { return nil }
        (node, self.inode, self.place) = (NodeID(rawValue: key), inode, place)
    }
}

/// One open file or directory.
struct SurvivingHandle {
    let id: HandleID
    let node: NodeID
    /// `nil`: a directory.
    let flags: OpenFlags?
    let isBacked: Bool

    init?(_ key: UInt64, _ bytes: [UInt8]) {
        var reader = RecordReader(bytes)
        guard let node = reader.integer(UInt64.self), let isBacked = reader.bool(),
            let bits = reader.optional({ $0.integer(UInt8.self) })
        else { return nil }
        (id, self.node, self.isBacked) = (HandleID(rawValue: key), NodeID(rawValue: node), isBacked)
        flags = bits.map { OpenFlags(bits: $0) }
    }
}

extension Survivors {
    func set(directory node: NodeID, _ place: TreePlace, inode: UInt64) {
        guard let kind = place.kind else { return }
        var writer = RecordWriter()
        writer.add(inode)
        writer.add(kind.rawValue)
        writer.add(place.texts.container)
        writer.add(place.texts.text)
        set(.directory, node.rawValue, writer.bytes)
    }

    func set(handle id: HandleID, of node: NodeID, _ flags: OpenFlags?, isBacked: Bool) {
        var writer = RecordWriter()
        writer.add(node.rawValue)
        writer.add(isBacked)
        writer.add(flags) { $0.add($1.bits) }
        set(.handle, id.rawValue, writer.bytes)
    }
}

extension OpenFlags {
    fileprivate var bits: UInt8 {
        let access: UInt8 =
            switch self.access {
            case .readOnly: 0
            case .writeOnly: 1
            case .readWrite: 2
            }
        return access | (appends ? 4 : 0) | (isSynchronous ? 8 : 0) | (isDirect ? 16 : 0)
    }

    fileprivate init(bits: UInt8) {
        self.init(
            bits & 3 == 0 ? .readOnly : bits & 3 == 1 ? .writeOnly : .readWrite,
            appends: bits & 4 != 0,
            isSynchronous: bits & 8 != 0,
            isDirect: bits & 16 != 0
        )
    }
}
