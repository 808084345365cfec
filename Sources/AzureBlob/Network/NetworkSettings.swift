/// How the network is used: whom to trust, through whom to go, how much to take.
package struct NetworkSettings: Sendable, Hashable {
    /// Certificates to trust instead of the system's (PEM).
    package var caFile: String?
    package var proxies: ProxySettings
    package var rates: RateLimits

    package init(caFile: String? = nil, proxies: ProxySettings = .direct, rates: RateLimits = RateLimits()) {
        self.caFile = caFile
        self.proxies = proxies
        self.rates = rates
    }
}

/// What all requests of a transport together may take; `nil`: as much as there is.
package struct RateLimits: Sendable, Hashable {
    /// Bodies of answers, in bytes a second.
    package var download: Int?
    /// Bodies of requests, in bytes a second.
    package var upload: Int?
    /// Requests that are begun a second.
    package var requests: Int?

    package init(download: Int? = nil, upload: Int? = nil, requests: Int? = nil) {
        self.download = download
        self.upload = upload
        self.requests = requests
    }

    /// How long a body takes at most that shares its rate with as many others as may be under way.
    func longest(byteCount: Int, sharedBy count: Int) -> Duration {
        guard let slowest = [download, upload].compactMap(\.self).min() else { return .zero }
        return .milliseconds(Int64(Double(byteCount) * Double(count) * 1000 / Double(max(slowest, 1))))
    }
}
