/// What a line of the log says of a request that is sent again.
package enum RetryLog {
    /// How often it failed so far.
    package static let failures = "failures"
    /// Why, the last time.
    package static let reason = "reason"
}
