/// One metric as OpenMetrics 1.0 has it: a name, what it is, and its samples.
struct MetricFamily: Sendable, Equatable {
    enum Kind: String, Sendable { case counter, gauge, histogram, info }

    /// A value with what tells it from the others.
    struct Sample: Sendable, Equatable {
        /// Behind the family's name: `_total`, `_bucket`, `_sum`, `_count`, `_info`, or nothing.
        var suffix = ""
        var labels: [(name: String, value: String)] = []
        var value: Double

        static func == (first: Sample, second: Sample) -> Bool {
            first.suffix == second.suffix && first.value == second.value
                && first.labels.elementsEqual(second.labels) { $0 == $1 }
        }
    }

    var name: String
    var kind: Kind
    /// `bytes`, `seconds`, or nothing; the name ends with it.
    var unit: String?
    var help: String
    var samples: [Sample]

    static func counter(
        _ name: String,
        unit: String? = nil,
        _ help: String,
        _ values: [(labels: [(String, String)], value: Double)]
    ) -> MetricFamily {
        let samples = values.map { Sample(suffix: "_total", labels: $0.labels, value: $0.value) }
        return MetricFamily(name: name, kind: .counter, unit: unit, help: help, samples: samples)
    }

    static func counter(_ name: String, unit: String? = nil, _ help: String, _ value: UInt64) -> MetricFamily {
        counter(name, unit: unit, help, [([], Double(value))])
    }

    static func gauge(_ name: String, unit: String? = nil, _ help: String, _ value: Double) -> MetricFamily {
        MetricFamily(name: name, kind: .gauge, unit: unit, help: help, samples: [Sample(value: value)])
    }

    /// The lines, each with its end.
    var text: String {
        var lines = ["# TYPE \(name) \(kind.rawValue)"]
        if let unit { lines.append("# UNIT \(name) \(unit)") }
        lines.append("# HELP \(name) \(Self.escaped(help))")
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
            lines.append("\(name)\(sample.suffix)\(labels.isEmpty ? "" : "{\(labels)}") \(Self.number(sample.value))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The whole answer to a scrape.
    static func exposition(_ families: [MetricFamily]) -> String {
        families.map(\.text).joined() + "# EOF\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// Whole numbers without a fraction; Swift writes no number longer than it is.
    static func number(_ value: Double) -> String {
        abs(value) < 0x1p53 && value == value.rounded() ? "\(Int64(value))" : "\(value)"
    }
}
