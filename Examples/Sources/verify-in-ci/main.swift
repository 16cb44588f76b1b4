// verify-in-ci IMAGE KEY: passes only an image that is signed as a whole, by a key of the file.
import Glibc
import ImageTrust
import SIF

guard CommandLine.arguments.count == 3 else {
  print("usage: verify-in-ci IMAGE KEY")
  exit(64)
}
let image = try Image(opening: CommandLine.arguments[1])
let keys = try TrustedKeys(contentsOf: CommandLine.arguments[2])
var policy = VerificationPolicy()
policy.isStrict = true
let report = try image.verify(with: keys, policy: policy)
for object in report.objects {
  print("object \(object.id): \(object.signedBy.isEmpty ? "not signed" : "signed")")
}
for reason in report.reasons { print(reason) }
print(report.verdict.rawValue)
exit(report.verdict == .ok ? 0 : 1)
