import CGcrypt

/// Arithmetic on secret numbers.
enum SecureInteger {
  /// The inverse of a number modulo another.
  ///
  /// - Throws: ``GcryptError`` if they have a common divisor.
  static func inverse(of number: Span<UInt8>, modulo modulus: Span<UInt8>) throws(GcryptError) -> SecureBytes
  {
    let a = try scan(number)
    defer { gcry_mpi_release(a) }
    let m = try scan(modulus)
    defer { gcry_mpi_release(m) }
    let result = gcry_mpi_snew(UInt32(clamping: modulus.count * 8))
    defer { gcry_mpi_release(result) }
    guard gcry_mpi_cmp_ui(m, 1) > 0, gcry_mpi_invm(result, a, m) != 0 else {
      throw GcryptError(.badKey, "use a private key whose numbers do not belong together")
    }
    var bytes = try SecureBytes(count: modulus.count)
    var used = 0
    var span = bytes.mutableSpan
    let status = span.withUnsafeMutableBufferPointer {
      gcry_mpi_print(GCRYMPI_FMT_USG, $0.baseAddress, $0.count, &used, result)
    }
    try GcryptError.check(status, "compute with a private key")
    return try bytes.copy(0..<used)
  }

  /// A number in secure memory, also if its bytes are elsewhere.
  private static func scan(_ bytes: Span<UInt8>) throws(GcryptError) -> gcry_mpi_t {
    let copy = try SecureBytes(copying: bytes)
    var number: gcry_mpi_t?
    let status = copy.span.withUnsafeBufferPointer {
      gcry_mpi_scan(&number, GCRYMPI_FMT_USG, $0.baseAddress, $0.count, nil)
    }
    try GcryptError.check(status, "read a number of a private key")
    guard let number else { throw GcryptError(.general, "read a number of a private key") }
    return number
  }
}
