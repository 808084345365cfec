internal import CCurl
internal import Glibc

/// Whom a transfer trusts, through whom it goes, and how its socket is to behave.
extension EasyHandle {
    /// With a file of its own, nobody else is trusted: not the system's directory of certificates either.
    func setTrust(_ network: NetworkSettings) {
        ccurl_set_long(raw, CURLOPT_SSL_VERIFYPEER, 1)
        ccurl_set_long(raw, CURLOPT_SSL_VERIFYHOST, 2)
        guard let file = network.caFile else { return }
        ccurl_set_string(raw, CURLOPT_CAINFO, file)
        ccurl_set_string(raw, CURLOPT_CAPATH, nil)
    }

    /// Always says which proxy, also if none: libcurl would look into the environment, where this program decides.
    func setProxy(_ proxy: Proxy?, _ network: NetworkSettings) -> Bool {
        guard let proxy else { return ccurl_set_string(raw, CURLOPT_PROXY, "") == CURLE_OK }
        // The answer to CONNECT is not the store's.
        ccurl_set_long(raw, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        ccurl_set_string(raw, CURLOPT_NOPROXY, "")
        if let user = proxy.user {
            ccurl_set_string(raw, CURLOPT_PROXYUSERNAME, user)
            ccurl_set_string(raw, CURLOPT_PROXYPASSWORD, proxy.password?.revealed() ?? "")
        }
        ccurl_set_long(raw, CURLOPT_PROXY_SSL_VERIFYPEER, 1)
        ccurl_set_long(raw, CURLOPT_PROXY_SSL_VERIFYHOST, 2)
        if let file = network.caFile {
            ccurl_set_string(raw, CURLOPT_PROXY_CAINFO, file)
            ccurl_set_string(raw, CURLOPT_PROXY_CAPATH, nil)
        }
        if let file = proxy.certificateFile { ccurl_set_string(raw, CURLOPT_PROXY_SSLCERT, file) }
        if let file = proxy.keyFile ?? proxy.certificateFile { ccurl_set_string(raw, CURLOPT_PROXY_SSLKEY, file) }
        return ccurl_set_string(raw, CURLOPT_PROXY, proxy.url) == CURLE_OK
    }

    /// - Parameter isPaced: what is not taken stays with the sender, and not in a large buffer here.
    func setSocketOptions(isPaced: Bool) {
        // Every 30 s, so that no NAT table forgets a connection that is kept, and one that it forgot is found out.
        ccurl_set_long(raw, CURLOPT_TCP_KEEPALIVE, 1)
        ccurl_set_long(raw, CURLOPT_TCP_KEEPIDLE, 30)
        ccurl_set_long(raw, CURLOPT_TCP_KEEPINTVL, 10)
        if isPaced {
            ccurl_set_sockopt(raw) { context, socket, _ in
                OpenDescriptors.closeOnExec(socket)
                EasyHandle.setPatience(on: socket, context)
                return CURL_SOCKOPT_OK
            }
        } else {
            ccurl_set_sockopt(raw) { context, socket, _ in
                OpenDescriptors.closeOnExec(socket)
                ReceiveBuffer.set(on: socket)
                EasyHandle.setPatience(on: socket, context)
                return CURL_SOCKOPT_OK
            }
        }
    }

    /// How long the kernel waits for what was sent to be acknowledged (TCP_USER_TIMEOUT): less than the stall timeout, so
    /// that a peer that is gone is told from a server that takes its time.
    private static func setPatience(on socket: Int32, _ context: UnsafeMutableRawPointer?) {
        guard let context else { return }
        let stall = withTransfer(context) { $0.exchange.timeouts.stall }
        var patience = Int32(clamping: Int64(stall / .milliseconds(4) * 3))
        setsockopt(socket, Int32(IPPROTO_TCP), 18, &patience, socklen_t(MemoryLayout.size(ofValue: patience)))
    }
}
