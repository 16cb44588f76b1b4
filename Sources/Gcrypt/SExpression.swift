import CGcrypt

/// An S-expression, the form of libgcrypt's keys and signatures.
struct SExpression: ~Copyable {
  let handle: gcry_sexp_t

  init(owning handle: gcry_sexp_t) {
    self.handle = handle
  }

  deinit { gcry_sexp_release(handle) }

  /// The value of the first list of that name, at any depth: `(name value)`.
  ///
  /// - Throws: ``GcryptError`` if there is no such list.
  borrowing func value(_ name: StaticString) throws(GcryptError) -> [UInt8] {
    let operation = "find a value in libgcrypt's result"
    guard let found = find(name) else { throw GcryptError(.general, operation) }
    defer { gcry_sexp_release(found) }
    var count = 0
    guard let data = gcry_sexp_nth_data(found, 1, &count) else { throw GcryptError(.general, operation) }
    return Array(UnsafeRawBufferPointer(start: data, count: count))
  }

  /// Like ``value(_:)``, for a secret value.
  borrowing func secret(_ name: StaticString) throws(GcryptError) -> SecureBytes {
    guard let found = find(name) else { throw GcryptError(.badKey, "find a value of a private key") }
    defer { gcry_sexp_release(found) }
    var count = 0
    guard let data = gcry_sexp_nth_data(found, 1, &count) else {
      throw GcryptError(.badKey, "find a value of a private key")
    }
    let bytes = UnsafeRawPointer(data).assumingMemoryBound(to: UInt8.self)
    return try SecureBytes(copying: Span(_unsafeStart: bytes, count: count))
  }

  private borrowing func find(_ name: StaticString) -> gcry_sexp_t? {
    gcry_sexp_find_token(handle, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self), 0)
  }
}

/// Writes a canonical S-expression, such as `(4:data(5:flags5:pkcs1))`. This needs no quoting and, unlike
/// libgcrypt's builder, no variadic call.
///
/// libgcrypt counts the bytes of a value with 16 bits, and turns a longer value into another expression. So
/// the builder refuses longer values.
struct SExpressionBuilder: ~Copyable {
  /// The most bytes of a value that libgcrypt keeps intact.
  static let maximumValueBytes = Int(UInt16.max)

  private let base: UnsafeMutablePointer<UInt8>
  private let count: Int
  private let isSecret: Bool
  private var used = 0
  /// The number of bytes of a value that was too long.
  private var refused: Int?

  /// Makes a builder with room for that many bytes of values, and 512 bytes for names and brackets.
  ///
  /// - Parameter isSecret: whether values are secret. With numbers from secure memory libgcrypt computes in
  ///   constant time, which takes twice as long and is pointless for public numbers.
  init(valueBytes: Int, isSecret: Bool) throws(GcryptError) {
    _ = Library.shared
    count = valueBytes + 512
    self.isSecret = isSecret
    guard let memory = isSecret ? gcry_calloc_secure(count, 1) : gcry_calloc(count, 1) else {
      throw GcryptError(.outOfMemory, "allocate \(valueBytes + 512) bytes")
    }
    base = memory.assumingMemoryBound(to: UInt8.self)
  }

  deinit {
    if isSecret { gcrypt_wipe(base, count) }
    gcry_free(base)
  }

  /// Opens a list with its name.
  mutating func open(_ name: StaticString) {
    append(UInt8(ascii: "("))
    atom(name)
  }

  /// Closes lists.
  mutating func close(_ count: Int = 1) {
    for _ in 0..<count { append(UInt8(ascii: ")")) }
  }

  /// Appends a fixed text.
  mutating func atom(_ text: StaticString) {
    length(text.utf8CodeUnitCount)
    for index in 0..<text.utf8CodeUnitCount { append(text.utf8Start[index]) }
  }

  /// Appends a value. One of more than ``maximumValueBytes`` makes ``finish(_:)`` throw.
  mutating func atom(_ value: Span<UInt8>) {
    guard value.count <= Self.maximumValueBytes else {
      refused = value.count
      return
    }
    length(value.count)
    for index in value.indices { append(value[index]) }
  }

  /// Appends a list of a name and a value.
  mutating func pair(_ name: StaticString, _ value: Span<UInt8>) {
    open(name)
    atom(value)
    close()
  }

  /// Appends a list of a name and a fixed text.
  mutating func pair(_ name: StaticString, _ value: StaticString) {
    open(name)
    atom(value)
    close()
  }

  /// Makes the expression. It is in secure memory if the builder's text is.
  ///
  /// - Throws: ``GcryptError`` with ``GcryptError/Condition/tooLarge`` for a value that libgcrypt cannot hold.
  consuming func finish(_ operation: String) throws(GcryptError) -> SExpression {
    if let refused { throw GcryptError(.tooLarge, "\(operation), which has a value of \(refused) bytes") }
    var expression: gcry_sexp_t?
    try GcryptError.check(gcry_sexp_new(&expression, base, used, 0), operation)
    guard let expression else { throw GcryptError(.general, operation) }
    return SExpression(owning: expression)
  }

  private mutating func length(_ count: Int) {
    for byte in String(count).utf8 { append(byte) }
    append(UInt8(ascii: ":"))
  }

  /// A byte without room is dropped. ``finish(_:)`` then refuses the unbalanced expression.
  private mutating func append(_ byte: UInt8) {
    guard used < count else { return }
    base[used] = byte
    used += 1
  }
}
