/// The strings that shared access signatures sign. The layout follows the token's own `sv`; an absent field is an
/// empty line.
enum SharedAccessSignature {
    /// An account token; ends in a line feed.
    static func accountString(_ query: QueryParameters, account: String) -> String {
        let version = query["sv"] ?? ""
        var lines = [account] + fields(query, "sp", "ss", "srt", "st", "se", "sip", "spr")
        lines.append(version)
        if isAtLeast(version, "2020-12-06") { lines.append(query["ses"] ?? "") }
        return lines.map { $0 + "\n" }.joined()
    }

    /// A service token. `canonicalName` is `/blob/account/container[/blob]`, decoded; `snapshot` goes with `sr=bs`
    /// and `sr=bv`.
    static func serviceString(_ query: QueryParameters, canonicalName: String, snapshot: String) -> String {
        let version = query["sv"] ?? ""
        var lines = fields(query, "sp", "st", "se")
        lines.append(canonicalName)
        lines += fields(query, "si", "sip", "spr", "sv")
        if isAtLeast(version, "2018-11-09") { lines += [query["sr"] ?? "", snapshot] }
        if isAtLeast(version, "2020-12-06") { lines.append(query["ses"] ?? "") }
        lines += fields(query, "rscc", "rscd", "rsce", "rscl", "rsct")
        return lines.joined(separator: "\n")
    }

    /// A user delegation token. `headers` and `parameters` are the bound values of `srh` and `srq`.
    static func userDelegationString(
        _ query: QueryParameters,
        canonicalName: String,
        snapshot: String,
        headers: String = "",
        parameters: String = ""
    ) -> String {
        let version = query["sv"] ?? ""
        var lines = fields(query, "sp", "st", "se")
        lines.append(canonicalName)
        lines += fields(query, "skoid", "sktid", "skt", "ske", "sks", "skv")
        if isAtLeast(version, "2020-02-10") { lines += fields(query, "saoid", "suoid", "scid") }
        if isAtLeast(version, "2025-07-05") { lines += fields(query, "skdutid", "sduoid") }
        lines += fields(query, "sip", "spr", "sv", "sr")
        lines.append(snapshot)
        if isAtLeast(version, "2020-12-06") { lines.append(query["ses"] ?? "") }
        if isAtLeast(version, "2026-04-06") { lines += [headers, parameters] }
        lines += fields(query, "rscc", "rscd", "rsce", "rscl", "rsct")
        return lines.joined(separator: "\n")
    }

    private static func fields(_ query: QueryParameters, _ names: String...) -> [String] {
        names.map { query[$0] ?? "" }
    }

    private static func isAtLeast(_ version: String, _ date: String) -> Bool {
        !version.utf8.lexicographicallyPrecedes(date.utf8)
    }
}

/// A user delegation key: made from the account's key and the fields that a token repeats, so that it can be checked
/// without being remembered.
enum UserDelegationKey {
    struct Fields {
        var objectID: String
        var tenantID: String
        var start: String
        var expiry: String
        var service: String
        var version: String
        var delegatedTenantID: String
    }

    static func value(_ fields: Fields, accountKey: [UInt8]) -> [UInt8] {
        let text = [
            "user delegation key", fields.objectID, fields.tenantID, fields.start, fields.expiry, fields.service,
            fields.version, fields.delegatedTenantID,
        ]
        return hmacSHA256(key: accountKey, message: text.joined(separator: "\n"))
    }
}
