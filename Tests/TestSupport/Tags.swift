package import Testing

extension Tag {
    /// Needs /dev/fuse and the right to mount.
    @Tag package static var mount: Self
    /// Makes a failure happen on purpose.
    @Tag package static var fault: Self
    /// Random; prints its seed.
    @Tag package static var random: Self
    /// Talks to a real account.
    @Tag package static var endpoint: Self
}
