@preconcurrency import Glibc
import OpenPGP

do {
  let ring = try KeyRing(contentsOf: "release.asc")
  for certificate in ring.certificates {
    print(certificate.primary.fingerprintText)
    for userID in certificate.userIDs { print("  \(userID.text)") }
  }
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
