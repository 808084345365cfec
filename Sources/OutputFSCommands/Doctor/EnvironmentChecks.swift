/// What the environment says, and nobody understands.
enum EnvironmentChecks {
    static func run(_ environment: [String: String]) -> [Finding] {
        SettingEnvironment.unknown(environment).map { variable, nearest in
            Finding(
                "environment",
                .warning,
                "\(variable) is set, and is no variable of outputfs",
                try: nearest ?? "outputfs config, which shows what is in force"
            )
        }
    }
}
