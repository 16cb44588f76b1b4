import StrictJSON
import TestSupport
import Testing

/// Images that were put together of groups of others, each validly signed by the same signer: what is started, mounted
/// and shown.
@Suite struct SplicedImageCommandTests {
  private static let signer = "3BD73D170B28614DD6E22C9091C4FEDB9D37F723"
  private let fixture: ExecFixture

  /// `old.sif` and `new.sif` are releases of one program, deterministic and signed; `both.sif` is the old one with the
  /// program of the new one in group 2, and its signature; `apart.sif` has the old group beside that of a program that
  /// nobody has signed; `texts.sif` the new one with definition file and labels of the old one.
  init() throws {
    fixture = try ExecFixture()
    let answer = try fixture.root(
      #"""
      set -e; umask 022; rm rootfs/var; cp \#(Fixture.root)/testdata/keys/ed25519.sec.asc key.asc; chmod 600 key.asc
      cp \#(Fixture.root)/testdata/keys/ed25519.pub.asc pub.asc; export SOURCE_DATE_EPOCH=1704153600
      part="--datatype partition --partfs squashfs --partarch amd64"
      release() { # NAME
        siftool pack rootfs tree.sif --arch amd64 --runscript $1.sh -q
        siftool dump 1 tree.sif > $1.squashfs
        printf 'Bootstrap: %s\n' $1 > $1.def; printf '{"version":"%s"}' $1 > $1.json
        siftool new $1.sif --deterministic
        siftool add $1.sif $1.squashfs $part --parttype primary-system --groupid 1 -q
        siftool add $1.sif $1.def --datatype definition-file --groupid 1 -q
        siftool add $1.sif $1.json --datatype labels --groupid 1 -q
        siftool sign $1.sif --key key.asc -q; siftool dump 4 $1.sif > $1.sig
      }
      printf '#!/bin/sh\necho old\n' > old.sh; printf '#!/bin/sh\necho new\n' > new.sh; chmod 755 *.sh
      release old; release new
      # IMAGE RELEASE GROUP TYPE: its group, and the signature over it.
      splice() {
        siftool add $1 $2.squashfs $part --parttype system --groupid $3 -q
        last=$(siftool list --json $1 | sed -n 's/.*"id": \([0-9]*\),*$/\1/p' | tail -1)
        [ $4 = system ] || printf '\002' | dd of=$1 bs=1 seek=$((4096 + 585 * (last - 1) + 205)) conv=notrunc status=none
        siftool add $1 $2.def --datatype definition-file --groupid $3 -q
        siftool add $1 $2.json --datatype labels --groupid $3 -q
        [ -z "$5" ] || siftool add $1 $2.sig --datatype signature --signhash sha256 \
          --signentity \#(Self.signer) --link-group $3 -q
      }
      cp old.sif both.sif; splice both.sif new 2 primary signed
      siftool new apart.sif --deterministic; splice apart.sif old 1 system
      siftool sign apart.sif --key key.asc --group-id 1 -q; splice apart.sif new 2 primary
      chmod 644 *.sif *.asc
      """#)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
  }

  /// Each signature is good; the reference sees nothing wrong.
  @Test func eachGroupIsValidlySigned() throws {
    let oracle = try GoOracle.run([
      "verify", fixture.directory.file("both.sif"), Fixture.path("keys/ed25519.pub.asc"),
    ])
    #expect(oracle.status == 0, "\(oracle.errors)")
    let answer = try fixture.root(
      """
      for o in '' --strict '--group-id 2' '--sif-id 1' '--legacy-insecure' '--legacy-insecure --all'; do
        siftool verify both.sif --key pub.asc $o > output; echo $? $(tail -n 1 output); done
      siftool sign both.sif --key key.asc; echo $?; siftool scan both.sif --key pub.asc | grep -o '"verdict":"[a-z]*"'
      siftool verify old.sif --key pub.asc > /dev/null; echo $?
      """)
    #expect(
      answer.text == String(repeating: "5 verdict: malformed\n", count: 6)
        + "5\n\"verdict\":\"malformed\"\n0\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("objects 1 and 5 are both the primary system partition"))
  }

  /// Which of two programs runs is nobody's guess: not that of the first, and not without a verification either.
  @Test(arguments: ["run I", "exec I true", "shell I", "mount I work", "cat I /etc/passwd", "ls I", "tar I"])
  func twoPrograms(command: String) throws {
    let image = command.replacing("I", with: "both.sif")
    let other = command.replacing("I", with: "--id 5 both.sif")
    let canVerify = !["cat", "ls", "tar"].contains { command.hasPrefix($0) }
    let answer = try fixture.ordinary(
      """
      siftool \(image) < /dev/null > /dev/null; echo $?
      siftool \(other) < /dev/null > /dev/null; echo $?; siftool unmount work 2> /dev/null
      \(canVerify
        ? """
          for o in '' '--id 1' '--id 5' '--group-id 2 --id 5' '--sif-id 5 --id 5'; do
            siftool \(command.replacing("I", with: "--verify --key pub.asc $o both.sif")) < /dev/null > /dev/null; echo $?; done
          """ : "yes 5 | head -n 5")
      """)
    #expect(answer.text == "5\n0\n5\n5\n5\n5\n5\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("are both the primary system partition"))
  }

  /// The program is what the signatures that count cover, whichever group they are asked about.
  @Test func aProgramOutsideOfSignedGroups() throws {
    let answer = try fixture.ordinary(
      """
      siftool verify apart.sif --key pub.asc --group-id 1 > /dev/null; echo $?
      for o in '' '--group-id 1' '--sif-id 1' '--id 1' '--id 1 --group-id 1' '--id 1 --sif-id 1' '--group-id 1 --signer \
      \(Self.signer)'; do siftool run --verify --key pub.asc $o apart.sif < /dev/null; echo $?; done
      siftool run apart.sif
      """)
    #expect(answer.text == "0\n2\n2\n2\n2\nold\n0\nold\n0\n2\nnew\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("no signature covers object 5"))
  }

  /// Definition file and labels are those of the program's group; where nothing says whose they are, none is shown.
  @Test func whatSpeaksOfTheProgram() throws {
    func inspect(_ image: String) throws -> (JSONValue, String) {
      let document = try fixture.root("siftool inspect --json \(image)")
      #expect(try JSONSchema.faults(of: document.output, schema: "inspect") == "")
      return (try JSONParser.parse(document.output), try fixture.root("siftool inspect \(image)").text)
    }
    let (apart, text) = try inspect("apart.sif")
    #expect(apart["labels"]?["version"] == "new" && apart["definitionFile"] == "Bootstrap: new\n")
    #expect(apart["labelsObject"] == 7 && apart["definitionFileObject"] == 6)
    #expect(text.contains("Definition file\n  Bootstrap: new\n") && !text.contains("Bootstrap: old"))
    // Of two programs none has the right to them.
    let (both, unclear) = try inspect("both.sif")
    #expect(both["labels"]?.members?.isEmpty == true && both["definitionFile"] == .null)
    #expect(both["labelsObject"] == .null && both["definitionFileObject"] == .null)
    #expect(unclear.contains("Labels\n  one of objects 3, 7, and nothing says which"), "\(unclear)")
    #expect(unclear.contains("Definition file\n  one of objects 2, 6, and nothing says which"))
    // Those of another group are shown with where they are from.
    try Siftool.check("del", "6", fixture.directory.file("apart.sif"), "-q")
    let (other, origin) = try inspect("apart.sif")
    #expect(other["definitionFile"] == "Bootstrap: old\n" && other["definitionFileObject"] == 2)
    #expect(
      origin.contains("Definition file (object 2, which is not in the group of the primary partition)\n"))
    let report = try fixture.root("siftool report --json both.sif --deterministic -q")
    #expect(try JSONParser.parse(report.output)["labels"]?.members?.isEmpty == true)
  }

  /// Who signs groups that nothing ties together is told.
  @Test func groupsWithoutAnID() throws {
    let answer = try fixture.root(
      """
      siftool sign apart.sif --key key.asc; echo $?; siftool sign old.sif --key key.asc; echo $?
      """)
    #expect(answer.text == "0\n0\n")
    #expect(
      answer.errors.split(separator: "\n").filter {
        $0.hasPrefix("siftool: warning: the image has no id: nothing ties its 2 signed groups together")
      }.count == 1, "\(answer.errors)")
  }
}
