import TestSupport
import Testing

/// Edits that change more than one descriptor, killed before each system call that changes the file or waits for the
/// disk: others see all of the change or none, and the same edit again is done to its end.
@Suite struct KilledEditsTests {
  private let fixture: EncryptionFixture

  init() throws {
    fixture = try EncryptionFixture()
    try fixture.directory.write("key", try Fixture.read("keys/ed25519.sec.asc"))
  }

  /// Runs an edit on copies of `start.sif`, killed at one step after the other.
  ///
  /// - Parameters:
  ///   - edit: arguments of the tool; `image` is the copy.
  ///   - state: a command that prints in a line what others see of it.
  /// - Returns: the states that were seen, and how many steps there were.
  private func states(_ edit: String, _ state: String) throws -> (seen: Set<String>, steps: Int) {
    let script = """
      set -e; cd \(fixture.directory.path); export PATH=\(Fixture.siftool.dropLast(8)):$PATH
      for call in pwrite64 fdatasync ftruncate; do
        for number in $(seq 200); do
          cp start.sif image; rm -f trace
          timeout -s KILL 60 strace -f -qq -o trace -e trace=$call -e inject=$call:signal=KILL:when=$number \
            siftool \(edit) > /dev/null 2> errors || true
          grep -q 'killed by SIGKILL' trace || break
          echo "state $(\(state))"
          siftool check image > findings || cat findings
          siftool \(edit) > /dev/null 2> errors || cat errors
          siftool check image | grep -E '^(error|warning)' || true
        done
      done
      """
    let answer = try Tool.run(["bash", "-c", script])
    #expect(answer.status == 0, "\(answer.text) \(answer.errors)")
    let lines = answer.text.split(separator: "\n").map(String.init)
    #expect(lines.filter { !$0.hasPrefix("state ") } == [])
    return (Set(lines.map { String($0.dropFirst(6)) }), lines.count { $0.hasPrefix("state ") })
  }

  private func prepare(_ script: String) throws {
    try Tool.check([
      "bash", "-ec", "cd \(fixture.directory.path); PATH=\(Fixture.siftool.dropLast(8)):$PATH; \(script)",
    ])
  }

  /// A signature for each of several groups; also where free slots lie between used ones.
  @Test(arguments: ["", "siftool del 3 start.sif -q; siftool del 5 start.sif -q"])
  func signing(deletion: String) throws {
    try prepare(
      """
      cp plain.sif start.sif
      for group in 2 2 3 3 4; do siftool add start.sif phrase --datatype generic --groupid $group -q; done; \(deletion)
      """)
    let groups = 4
    let (seen, steps) = try states(
      "sign image --key key",
      "echo $(siftool list image | grep -c Signature) $(siftool verify image --key key | tail -n 1)")
    #expect(seen == ["0 verdict: unsigned", "\(groups) verdict: ok"])
    #expect(steps > 5)
  }

  /// A message for each of several recipients.
  @Test func messagesWithKeys() throws {
    try fixture.encrypt("start.sif")
    try fixture.directory.write("one", try Fixture.read("keys/pem-rsa.pub.pem"))
    try fixture.directory.write("two", try Fixture.read("keys/pem-rsa.pkcs1.pub.pem"))
    let (seen, steps) = try states(
      "rekey image --passphrase-file phrase --keep --new-pem-path one --new-pem-path two "
        + EncryptionFixture.cheap.joined(separator: " "), "siftool list image | grep -c OAEP || true")
    #expect(seen == ["0", "2"])
    #expect(steps > 5)
  }

  /// The types of two partitions.
  @Test func settingThePrimary() throws {
    try prepare(
      """
      cp plain.sif start.sif; siftool dump 2 plain.sif > part
      siftool add start.sif part --datatype partition --parttype system --partfs squashfs --partarch amd64 --groupid 1 -q
      """)
    let (seen, steps) = try states(
      "setprim 3 image", "siftool list image | grep -o 'Squashfs/[^/]*' | paste -sd' '")
    #expect(
      seen == ["Squashfs/*System Squashfs/System", "Squashfs/System Squashfs/*System"], "\(seen)")
    #expect(steps > 3)
  }
}
