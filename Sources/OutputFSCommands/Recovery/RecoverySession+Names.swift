internal import BlobStorage
internal import BlobWriting
internal import FuseBinding

/// Deletes and renames that a mount left undone.
extension RecoverySession {
    /// Carries them out, and says what is left, a line each. Before any file is uploaded: one may have the name of one
    /// that is to go.
    func carryOutNames(to source: StorageSource, _ uploads: UploadScheduler) -> [String] {
        names.compactMap { name in
            guard name.owner.utf8.elementsEqual(source.journalOwner.utf8) else {
                return "  \(name.subject): it is for \(name.owner)"
            }
            let failure = PlainThread.wait { () -> StorageError? in
                do throws(StorageError) {
                    try await name.carryOut(scheduler: uploads)
                    return nil
                } catch { return error }
            }
            guard let failure else {
                Terminal.print("\(name.subject): \(name.outcome)")
                return nil
            }
            return "  \(name.subject): \(name.state): \(failure)"
        }
    }
}

extension RecoveredName {
    var subject: String {
        switch change {
        case .removal(let removal): "\(removal.blob)"
        case .move(let move): "\(move.from)"
        }
    }

    var state: String {
        switch change {
        case .removal: "unlinked while it was open, to be deleted"
        case .move(let move): "its rename to \(move.to) was cut short, to be \(move.isCopied ? "finished" : "undone")"
        }
    }

    fileprivate var outcome: String {
        switch change {
        case .removal: "deleted"
        case .move(let move): "its rename to \(move.to) is \(move.isCopied ? "finished" : "undone")"
        }
    }
}
