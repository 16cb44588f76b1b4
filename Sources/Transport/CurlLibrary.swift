import CCurl
import Glibc

/// libcurl, loaded at its first use: it takes 8 ms, and only commands that use the network need it
/// (docs/decisions/0012-network.md).
struct CurlLibrary: @unchecked Sendable {
  let calls: UnsafeMutablePointer<curl_calls>

  private static let loaded = Result { () throws(TransportError) in try CurlLibrary() }

  /// Loads the library, if it is not loaded yet.
  ///
  /// - Throws: ``TransportError/Code/noLibrary`` if it is not installed, or too old.
  static func shared() throws(TransportError) -> CurlLibrary {
    switch loaded {
    case .success(let library): return library
    case .failure(let error): throw error
    }
  }

  private init() throws(TransportError) {
    let names = ["libcurl.so.4", "libcurl-gnutls.so.4"]
    for name in names {
      guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
      let calls = UnsafeMutablePointer<curl_calls>.allocate(capacity: 1)
      calls.initialize(to: curl_calls())
      if let missing = curl_resolve(calls, handle) {
        throw TransportError(.noLibrary, "\(name) has no \(String(cString: missing)): it is too old")
      }
      guard calls.pointee.global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK else {
        throw TransportError(.noLibrary, "\(name) cannot be started")
      }
      self.calls = calls
      return
    }
    throw TransportError(
      .noLibrary,
      "the network needs libcurl.so.4, which cannot be loaded; it comes with curl (Debian: libcurl4)")
  }
}
