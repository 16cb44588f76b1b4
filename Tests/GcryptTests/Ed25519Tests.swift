import Gcrypt
import StrictJSON
import TestSupport
import Testing

private func verifies(_ key: [UInt8], _ signature: [UInt8], _ message: [UInt8]) -> Bool {
  (try? PublicKey.ed25519(key).verify(.ed25519(signature), of: message.span, hash: .sha512)) == true
}

@Suite struct Ed25519Tests {
  /// RFC 8032 section 7.1. Its long message is among Wycheproof's.
  @Test(arguments: [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        + "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0"
        + "85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
    (
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac1"
        + "8ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    ),
    (
      "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
      "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2"
        + "192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b5890"
        + "9351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
    ),
  ])
  func vectorsOfTheRFC(seed: String, point: String, message: String, signature: String) throws {
    let key = try PrivateKey.ed25519(seed: bytes(seed).span, point: bytes(point))
    #expect(try key.sign(bytes(message).span, hash: .sha512) == .ed25519(bytes(signature)))
    #expect(verifies(bytes(point), bytes(signature), bytes(message)))
    #expect(!verifies(bytes(point), bytes(signature), bytes(message) + [0]))
    let isSeed = try key.part("d").equals(bytes(seed).span)
    #expect(isSeed)
    #expect(throws: GcryptError.self) { _ = try key.part("p").count }
  }

  /// What the Wycheproof project collected: signatures that are right, and wrong in every way it knows.
  @Test func vectorsOfWycheproof() throws {
    let folder = "/usr/share/gocode/src/github.com/cloudflare/circl/sign/ed25519/testdata"
    let all = try JSONParser.parse(try Tool.read("\(folder)/wycheproof_Ed25519.json"))
    var counts = (valid: 0, invalid: 0)
    for group in try #require(all["testGroups"]?.elements) {
      let secret = try PrivateKey.ed25519(
        seed: bytes(try #require(group["key"]?["sk"]?.text)).span,
        point: bytes(try #require(group["key"]?["pk"]?.text)))
      guard case .ed25519(let point) = secret.publicKey else { return }
      for test in try #require(group["tests"]?.elements) {
        let message = bytes(try #require(test["msg"]?.text))
        let signature = bytes(try #require(test["sig"]?.text))
        let isValid = test["result"]?.text == "valid"
        #expect(verifies(point, signature, message) == isValid, "\(test["comment"]?.text ?? "")")
        if isValid {
          #expect(try secret.sign(message.span, hash: .sha512) == .ed25519(signature))
          counts.valid += 1
        } else {
          counts.invalid += 1
        }
      }
    }
    #expect(counts.valid > 80 && counts.invalid > 60)
  }

  /// Signatures for which the verifying equation holds, but whose key, R or S is not as it has to be.
  @Test func whatCarelessVerifiersAccept() throws {
    let script = "\(Fixture.root)/Tests/Oracle/ed25519.py"
    let lines = try Tool.check(["/usr/bin/python3", script]).text.split(separator: "\n")
    var names: Set<String> = []
    for line in lines {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      try #require(fields.count == 4)
      names.insert(fields[0])
      let isGood = verifies(bytes(fields[1]), bytes(fields[3]), bytes(fields[2]))
      #expect(isGood == (fields[0] == "good"), "\(line)")
    }
    #expect(names.contains("good") && names.count > 25)
  }

  /// A coordinate has one encoding: those of p and more are second ones.
  @Test func noncanonicalKeys() {
    for low in UInt8(0xED)...0xFF {
      for high: UInt8 in [0x7F, 0xFF] {
        let point = [low] + [UInt8](repeating: 0xFF, count: 30) + [high]
        #expect(throws: GcryptError.self) { try PublicKey.ed25519(point).validate() }
      }
    }
  }

  /// libgcrypt takes no message of 64 KiB.
  @Test(arguments: [0, 1, 65_485, 65_486, 65_535, 65_536, 1 << 20, 20 << 20])
  func messagesOfAnyLength(count: Int) throws {
    let key = try PrivateKey.generateEd25519()
    guard case .ed25519(let point) = key.publicKey else { return }
    var message = [UInt8](repeating: 0x61, count: count)
    guard case .ed25519(let signature) = try key.sign(message.span, hash: .sha512) else { return }
    #expect(verifies(point, signature, message))
    #expect(!verifies(point, signature, message + [0x61]))
    // Cut as 16 bits would cut it, it is another message.
    if count > 65_535 { #expect(!verifies(point, signature, Array(message.prefix(count & 0xFFFF)))) }
    if count > 0 {
      message[count - 1] ^= 1
      #expect(!verifies(point, signature, message))
    }
  }
}

/// libgcrypt counts the bytes of a value with 16 bits.
@Suite struct LongValueTests {
  private let long = [UInt8](repeating: 0, count: 70_000)
  private let odd = [UInt8](repeating: 0xFF, count: 256)

  private func expectTooLarge(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    let error = #expect(throws: GcryptError.self, sourceLocation: sourceLocation) { try body() }
    #expect(error?.isCondition(.tooLarge) == true, sourceLocation: sourceLocation)
    #expect(error?.description.contains("of 70") == true, sourceLocation: sourceLocation)
  }

  @Test func publicKeys() throws {
    let digest = [UInt8](repeating: 7, count: 32)
    for key in [
      PublicKey.rsa(modulus: long + odd, exponent: [1, 0, 1]),
      .rsa(modulus: odd, exponent: long + [1, 0, 1]),
    ] {
      expectTooLarge { _ = try key.verify(.rsa([1]), of: digest.span, hash: .sha256) }
      expectTooLarge { _ = try key.encryptOAEP([1].span) }
    }
    let key = PublicKey.rsa(modulus: odd, exponent: [1, 0, 1])
    expectTooLarge { _ = try key.encryptOAEP(long.span) }
    for modulus in [odd + long + [1], [UInt8](repeating: 0xFF, count: 70_000)] {
      #expect(throws: GcryptError.self) {
        _ = try PublicKey.rsa(modulus: modulus, exponent: [1, 0, 1]).verify(
          .rsa([1]), of: digest.span, hash: .sha256)
      }
    }
  }

  @Test func signatures() throws {
    let digest = [UInt8](repeating: 7, count: 32)
    let rsa = PublicKey.rsa(modulus: odd, exponent: [1, 0, 1])
    #expect(try !rsa.verify(.rsa(long + [1]), of: digest.span, hash: .sha256))
    let scalar = [UInt8](repeating: 1, count: 32)
    let ecdsa = try PrivateKey.ecdsa(.p256, scalar: scalar.span, point: nil).publicKey
    for giant in [long + [1], [1] + long] {
      #expect(try !ecdsa.verify(.ecdsa(r: giant, s: [1]), of: digest.span, hash: .sha256))
      #expect(try !ecdsa.verify(.ecdsa(r: [1], s: giant), of: digest.span, hash: .sha256))
      #expect(try !ecdsa.verify(.rsa(giant), of: digest.span, hash: .sha256))
    }
    guard case .ed25519(let point) = try PrivateKey.generateEd25519().publicKey else { return }
    #expect(!verifies(point, long, digest))
  }

  @Test func privateKeys() throws {
    for giant in [[1] + long, long, long + [1]] {
      // The last is the number 1 in too many bytes.
      if giant.last == 0 {
        #expect(throws: GcryptError.self) {
          _ = try PrivateKey.ecdsa(.p256, scalar: giant.span, point: nil).publicKey
        }
      } else {
        let one = try PrivateKey.ecdsa(.p256, scalar: [1].span, point: nil).publicKey
        #expect(try PrivateKey.ecdsa(.p256, scalar: giant.span, point: nil).publicKey == one)
      }
      #expect(throws: GcryptError.self) { _ = try PrivateKey.ed25519(seed: giant.span, point: nil).publicKey }
      let small = [UInt8](repeating: 0xFF, count: 128)
      for (d, p, q) in [(giant, small, small), (small, giant, small), (small, small, giant)] {
        #expect(throws: GcryptError.self) {
          _ = try PrivateKey.rsa(
            modulus: odd, exponent: [1, 0, 1], privateExponent: d.span, p: p.span, q: q.span
          ).publicKey
        }
      }
    }
  }
}
