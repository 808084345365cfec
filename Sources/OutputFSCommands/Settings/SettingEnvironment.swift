/// The environment as a place of settings: `OUTPUTFS_…` by name, and the Azure tools' own variables.
enum SettingEnvironment {
    /// - Throws: the variable and what it should be. An empty one is as good as none.
    static func layer(_ environment: [String: String]) throws(CommandFailure) -> SettingLayer {
        var layer = SettingLayer()
        for setting in SettingTable.all {
            let variables = [setting.variable] + (setting.alias.map { [$0] } ?? [])
            guard let variable = variables.first(where: { environment[$0]?.isEmpty == false }),
                let text = environment[variable]
            else { continue }
            var value = text
            // As for `on` and `off`: people write 1 and yes.
            if setting.kind == .flag, let isOn = try? Values.onOff(text) { value = isOn ? "true" : "false" }
            if let objection = setting.objection(to: value) {
                throw CommandFailure(
                    .configuration,
                    "\(variable): \(objection)",
                    try: "unset \(variable)"
                )
            }
            layer.given.append(
                GivenSetting(setting: setting, value: value, origin: .environment(variable: variable))
            )
        }
        for (name, role) in SettingTable.azureVariables {
            guard let value = environment[name], !value.isEmpty else { continue }
            if name == "AZURE_STORAGE_AUTH_TYPE", AuthMethod.usesSecret(value) { continue }
            layer.namesStorage = layer.namesStorage || role.doesName
            layer.provesStorage = layer.provesStorage || role.doesProve
        }
        return layer
    }

    /// Variables that look like ours and are none, with the one that was perhaps meant.
    static func unknown(_ environment: [String: String]) -> [(variable: String, nearest: String?)] {
        let known = SettingTable.all.map(\.variable) + [Setting.fileVariable]
        return environment.keys.filter { $0.hasPrefix(Setting.variablePrefix) && !known.contains($0) }.sorted()
            .map { ($0, NearestName.find($0, in: known)) }
    }
}
