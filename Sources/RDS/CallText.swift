extension RValue {
    /// An expression as R would print it, on one line and cut off when it is long.
    package var expression: String {
        var text = ""
        Self.write(self, to: &text, nesting: 0)
        return text
    }

    private static let lengthMax = 200
    private static let infix: Set<String> = [
        "+", "-", "*", "/", "^", "==", "!=", "<", ">", "<=", ">=", "&", "&&", "|", "||", "<-", "<<-", "=", "~", "%%",
        "%/%", "%*%", "%in%", "%o%", "|>",
    ]
    private static let tight: Set<String> = ["$", "@", ":", "::", ":::"]

    private static func write(_ value: RValue, to text: inout String, nesting: Int) {
        guard text.utf8.count < lengthMax, nesting < 32 else {
            if !text.hasSuffix("…") { text += "…" }
            return
        }
        switch value.content {
        case .null: text += "NULL"
        case .missing: break
        case .symbol(let name): text += name
        case .logicals(let values): vector(values.map { $0.map { $0 ? "TRUE" : "FALSE" } ?? "NA" }, to: &text)
        case .integers(let values): vector(values.map { $0.map { "\($0)L" } ?? "NA" }, to: &text)
        case .reals(let values): vector(values.map(number), to: &text)
        case .strings(let values): vector(values.map { $0.map(quoted) ?? "NA" }, to: &text)
        case .list(let values): call("list", values.map { Pair(tag: nil, value: $0) }, to: &text, nesting)
        case .pairs(let pairs): call("pairlist", pairs, to: &text, nesting)
        case .call(let parts): write(call: parts, to: &text, nesting)
        case .omitted: text += "…"
        }
    }

    private static func write(call parts: [Pair], to text: inout String, _ nesting: Int) {
        let arguments = Array(parts.dropFirst())
        guard case .symbol(let name) = parts.first?.value.content else {
            if let head = parts.first { write(head.value, to: &text, nesting: nesting + 1) }
            return call("", arguments, to: &text, nesting)
        }
        let isTight = tight.contains(name)
        if arguments.count == 2, isTight || infix.contains(name) {
            write(arguments[0].value, to: &text, nesting: nesting + 1)
            text += isTight ? name : " \(name) "
            return write(arguments[1].value, to: &text, nesting: nesting + 1)
        }
        switch (name, arguments.count) {
        case ("-", 1), ("!", 1), ("~", 1), ("+", 1):
            text += name
            write(arguments[0].value, to: &text, nesting: nesting + 1)
        case ("(", 1): call("", arguments, to: &text, nesting)
        case ("[", 2...), ("[[", 2...):
            write(arguments[0].value, to: &text, nesting: nesting + 1)
            text += name
            list(arguments.dropFirst(), to: &text, nesting)
            text += name == "[" ? "]" : "]]"
        case ("{", _):
            text += "{ "
            for (index, argument) in arguments.enumerated() {
                if index > 0 { text += "; " }
                write(argument.value, to: &text, nesting: nesting + 1)
            }
            text += " }"
        case ("function", _): text += "function(…) …"
        default: call(name, arguments, to: &text, nesting)
        }
    }

    private static func call(_ name: String, _ arguments: [Pair], to text: inout String, _ nesting: Int) {
        text += name + "("
        list(arguments[...], to: &text, nesting)
        text += ")"
    }

    private static func list(_ arguments: ArraySlice<Pair>, to text: inout String, _ nesting: Int) {
        for (index, argument) in arguments.enumerated() {
            guard text.utf8.count < lengthMax else { return text += "…" }
            if index > 0 { text += ", " }
            if let tag = argument.tag { text += tag + " = " }
            write(argument.value, to: &text, nesting: nesting + 1)
        }
    }

    private static func vector(_ elements: [String], to text: inout String) {
        guard elements.count != 1 else { return text += elements[0] }
        let shown = elements.prefix(8).joined(separator: ", ")
        text += "c(" + shown + (elements.count > 8 ? ", …)" : ")")
    }

    private static func number(_ value: Double) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
