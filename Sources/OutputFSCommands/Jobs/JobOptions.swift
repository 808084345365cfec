internal import ArgumentParser
internal import OutputConventions

/// What all commands about jobs take.
struct JobOptions: ParsableArguments {
    @OptionGroup var settings: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    @OptionGroup(title: "Azure Batch")
    var batch: BatchAccountFlags
}

extension JobConvention: ExpressibleByArgument {}

extension Values {
    /// `30d`, `2w`, and what `duration` takes; in seconds.
    static func age(_ text: String) throws -> Int64 {
        let perUnit: Int64? =
            switch text.last {
            case "d": 86_400
            case "w": 7 * 86_400
            default: nil
            }
        guard let perUnit else {
            guard let seconds = try? duration(text).components.seconds else {
                throw ValidationError("write an age such as 12h, 30d or 2w")
            }
            return seconds
        }
        guard let count = Int64(text.dropLast()), (0...36_500).contains(count) else {
            throw ValidationError("write an age such as 12h, 30d or 2w")
        }
        return count * perUnit
    }
}
