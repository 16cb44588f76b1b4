// verify-in-ci IMAGE KEY: passes only an image that is signed as a whole, by a key of the file.
@preconcurrency import Glibc
import ImageTrust

guard CommandLine.arguments.count == 3 else {
  fputs("usage: verify-in-ci IMAGE KEY\n", stderr)
  exit(64)
}
do {
  var verification = ImageVerification(try TrustedKeys(contentsOf: CommandLine.arguments[2]))
  verification.policy.isStrict = true
  // A file that is not a whole image gets a report, too.
  let report = try VerificationReport(onFileAt: CommandLine.arguments[1]) { try verification.report(on: $0) }
  for object in report.objects {
    print("object \(object.id): \(object.signedBy.isEmpty ? "not signed" : "signed")")
  }
  for reason in report.reasons { print(reason) }
  print(report.verdict.rawValue)
  exit(report.verdict == .ok ? 0 : 1)
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
