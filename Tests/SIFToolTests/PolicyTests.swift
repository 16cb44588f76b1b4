import StrictJSON
import TestSupport
import Testing

/// The administrators' policy on the real binary, in a mount namespace with an `/etc` of its own.
@Suite struct PolicyTests {
  private static let ed25519 = "3BD73D170B28614DD6E22C9091C4FEDB9D37F723"
  private static let rsa = "50443FC97A380CEAD0B851C8B6615AC518445C2F"
  private static let expired = "EA2B779749CFA0EC1408FA80316CD2E306D68285"
  private let fixture: ExecFixture
  private let path: String

  init() throws {
    fixture = try ExecFixture()
    path = fixture.directory.path
    let answer = try fixture.root(
      """
      set -e; umask 022; keys=\(Fixture.root)/testdata/keys; mkdir -p etc/singularity data/deep database mnt home; chmod 700 home
      for file in passwd group nsswitch.conf ld.so.cache localtime hosts resolv.conf; do
        [ ! -e /etc/$file ] || cp /etc/$file etc/; done
      cp $keys/*.sec.asc .; chmod 600 *.sec.asc; cp plain.sif data/unsigned.sif; export SOURCE_DATE_EPOCH=1704153600
      sign() { [ -e data/$1.sif ] || cp plain.sif data/$1.sif; siftool sign data/$1.sif --key $2.sec.asc --quiet; }
      sign signed ed25519; sign both ed25519; sign both rsa2048; sign stranger nistp256; sign expired expires
      cp data/signed.sif data/tampered.sif; printf Z | dd of=data/tampered.sif bs=1 seek=2 conv=notrunc status=none
      cp data/signed.sif database/; cp data/signed.sif data/deep/
      for key in ed25519 rsa2048 expires; do gpg -q --homedir home --dearmor < $keys/$key.pub.asc; done \
        > etc/singularity/global-pgp-public
      echo 'allow setuid = yes' > etc/singularity/singularity.conf
      echo 'activated = false' > etc/singularity/ecl.toml; chown -R 0:0 etc data database
      """)
    try #require(answer.status == 0, "\(answer.errors)")
  }

  /// Runs a script as root or as nobody under a policy; `t` runs `true` in an image and prints the exit code.
  private func under(
    limits: String = "mount dev = yes", list: String = "activated = false", _ script: String,
    isOrdinary: Bool = false
  ) throws -> ToolAnswer {
    try Tool.check(["mkdir", "-p", "\(path)/etc/singularity"])
    try Tool.check(
      ["tee", "\(path)/etc/singularity/singularity.conf"],
      input: Array("\(limits.replacing("DATA", with: path + "/data"))\n".utf8))
    try Tool.check(
      ["tee", "\(path)/etc/singularity/ecl.toml"],
      input: Array("\(list.replacing("DATA", with: path + "/data"))\n".utf8))
    return try with(script, isOrdinary: isOrdinary)
  }

  /// As ``under(limits:list:_:isOrdinary:)``, with the policy as it is.
  private func with(_ script: String, isOrdinary: Bool = false) throws -> ToolAnswer {
    let whole =
      "t() { for i; do siftool exec $o $i true < /dev/null; printf '%s ' $?; done; echo; }\n\(script)"
    if isOrdinary {
      return try fixture.ordinary(
        whole, devices: "mount --bind \(path)/fuse-device /dev/fuse; mount --bind \(path)/etc /etc")
    }
    try fixture.directory.write("script", Array(whole.utf8))
    return try fixture.root("exec unshare -m sh -c 'mount --bind etc /etc && exec sh script'")
  }

  private func list(_ mode: String, _ keys: [String], at place: String = "DATA", isLegacy: Bool = false)
    -> String
  {
    """
    activated = true
    legacyinsecure = \(isLegacy)
    [[execgroup]]
    tagname = "the group"
    mode = "\(mode)"
    dirpath = "\(place)"
    keyfp = [\(keys.map { "\"\($0)\"" }.joined(separator: ", "))]
    """
  }

  @Test func withoutAPolicyOrWithOneThatForbidsNothing() throws {
    #expect(try with("t data/unsigned.sif").text == "0 \n")
    #expect(try with("rm -r etc/singularity; mkdir etc/apptainer; t data/unsigned.sif").text == "0 \n")
  }

  // MARK: The execution control list

  /// What each mode makes of images: signed by the first key, by both, by nobody, altered since, by an unknown key, and
  /// by a key that has expired since.
  @Test func modes() throws {
    let images = ["signed", "both", "unsigned", "tampered", "stranger", "expired"].map { "data/\($0).sif" }
    let (one, two) = (Self.ed25519, Self.rsa)
    for (mode, keys, place, expected) in [
      ("whitelist", [one], "DATA", "0 0 2 4 3 3 \n"), ("whitelist", [two], "DATA", "3 0 2 4 3 3 \n"),
      ("whitelist", [two, one], "", "0 0 2 4 3 3 \n"), ("whitestrict", [two, one], "DATA", "3 0 2 4 3 3 \n"),
      ("whitestrict", [one.lowercased()], "", "0 0 2 4 3 3 \n"),
      ("blacklist", [two], "DATA", "0 3 2 4 3 3 \n"),
      ("blacklist", [one], "", "3 3 2 4 3 3 \n"), ("whitelist", [Self.expired], "DATA", "3 3 2 4 3 3 \n"),
      ("whitelist", [], "DATA", "3 3 2 4 3 3 \n"), ("whitestrict", [], "DATA", "3 3 2 4 3 3 \n"),
    ] {
      let answer = try under(list: list(mode, keys, at: place), "t \(images.joined(separator: " "))")
      #expect(answer.text == expected, "\(mode) \(keys) \(answer.errors)")
      for line in answer.errors.split(separator: "\n") {
        #expect(line.hasPrefix("siftool: /etc/singularity/ecl.toml denies data/"), "\(line)")
        #expect(line.contains(": the execution group \"the group\" (\(mode), "), "\(line)")
      }
      #expect(answer.errors.split(separator: "\n").count == expected.filter { "234".contains($0) }.count)
    }
    #expect(try fixture.leftovers() == "\n")
  }

  @Test func directoriesAndWaysIn() throws {
    let answer = try under(
      list: list("whitelist", [Self.ed25519]),
      """
      ln -s data way; ln -s ../data/signed.sif database/to; cd data
      t signed.sif ../data/./signed.sif ../way/signed.sif ../database/to
      cd ..; t database/signed.sif data/deep/signed.sif data/deep/../../database/signed.sif
      # The open file counts: where it is now, not where its name was.
      exec 3< data/both.sif; t /proc/self/fd/3; mv data/both.sif elsewhere; cp data/signed.sif data/both.sif
      t /proc/self/fd/3 data/both.sif; mv elsewhere data/both.sif; t /proc/self/fd/3; rm data/both.sif
      t /proc/self/fd/3; cp data/signed.sif 'data/x (deleted)'; siftool exec 'data/x (deleted)' true; echo $?
      # What is mounted there is there.
      mount --bind database data/deep; t data/deep/signed.sif; mount --bind database data; t data/signed.sif
      """)
    #expect(
      answer.text == "0 0 0 0 \n7 7 7 \n0 \n7 0 \n0 \n7 \n7\n7 \n0 \n", "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains(
        "siftool: /etc/singularity/ecl.toml denies database/signed.sif: no execution group has "
          + "the \"dirpath\" \(path)/database\n"), "\(answer.errors)")
    #expect(
      answer.errors.contains(
        "the list needs the image's path, which is unknown: it was removed or replaced while it was being opened"
      ))
  }

  /// Who has a namespace of mounts can give a file any path in it.
  @Test func pathsOfOtherNamespaces() throws {
    for (limits, list) in [
      ("limit container paths = DATA", "activated = false"),
      ("mount dev = yes", list("whitelist", [Self.ed25519])),
    ] {
      let answer = try under(
        limits: limits, list: list,
        """
        touch database/marker; unshare -m sh -c 'mount --bind database data && exec sleep 60' & other=/proc/$!/root
        until [ -e $other$PWD/data/marker ]; do sleep 0.05; done
        t $other$PWD/data/signed.sif data/signed.sif; kill $!
        """)
      #expect(answer.text == "7 0 \n", "\(answer.text) \(answer.errors)")
      #expect(
        answer.errors.contains("which is unknown: it is on a file system that is not mounted here\n"),
        "\(answer.errors)")
    }
    #expect(try fixture.leftovers() == "\n")
  }

  @Test func onlySignedImagesOfTheFormat() throws {
    let answer = try under(
      list: list("blacklist", [Self.rsa]),
      """
      siftool dump $(siftool list --json plain.sif | grep -m1 '"id": [0-9]' | tr -dc 0-9) plain.sif > data/bare
      chmod 644 data/bare; t data/bare data/signed.sif data/unsigned.sif
      # What the user trusts, and what is to be verified, is no matter of the user's.
      o='--verify --key nistp256.sec.asc'; t data/stranger.sif; o='--verify --key ed25519.sec.asc'; t data/signed.sif
      o='--verify --key rsa2048.sec.asc'; t data/signed.sif
      siftool run data/unsigned.sif; echo $?; echo true | siftool shell data/unsigned.sif; echo $?
      # Nor can objects that nobody has signed come along.
      echo more > more; cp data/signed.sif data/more.sif
      siftool add data/more.sif more --datatype generic --groupid 2 -q; t data/more.sif
      """)
    #expect(answer.text == "7 0 2 \n3 \n0 \n3 \n2\n2\n2 \n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("denies data/bare: it is not a SIF image, so it is not signed\n"))
  }

  @Test func legacySignatures() throws {
    let prepare = """
      export GNUPGHOME=$PWD/g; mkdir -m 700 g; gpg -q --batch --import ed25519.sec.asc; cp plain.sif data/legacy.sif
      id=$(siftool list --json plain.sif | grep -m1 '"id": [0-9]' | tr -dc 0-9)
      printf 'SIFHASH:\\n%s\\n' $(siftool dump $id plain.sif | sha384sum | cut -d' ' -f1) > text
      gpg -q --batch --clearsign -o text.asc text; gpgconf --kill all
      siftool add data/legacy.sif text.asc --datatype signature --signhash sha384 --signentity \(Self.ed25519) --link $id -q
      """
    let images = "t data/legacy.sif data/signed.sif data/unsigned.sif"
    let accepted = try under(list: list("whitelist", [Self.ed25519], isLegacy: true), prepare + "\n" + images)
    #expect(accepted.text == "0 2 2 \n", "\(accepted.errors)")
    #expect(try under(list: list("whitelist", [Self.rsa], isLegacy: true), images).text == "3 2 2 \n")
    #expect(try under(list: list("whitestrict", [Self.ed25519], isLegacy: true), images).text == "0 2 2 \n")
    #expect(try under(list: list("blacklist", [Self.ed25519], isLegacy: true), images).text == "3 2 2 \n")
    #expect(try under(list: list("blacklist", [Self.rsa], isLegacy: true), images).text == "0 2 2 \n")
    #expect(try under(list: list("whitelist", [Self.ed25519]), images).text == "2 0 2 \n")
    // A partition of which no signature says anything.
    let other = try under(
      list: list("whitelist", [Self.ed25519], isLegacy: true),
      """
      siftool dump $(siftool list --json plain.sif | grep -m1 '"id": [0-9]' | tr -dc 0-9) plain.sif > part
      siftool add data/legacy.sif part --datatype partition --parttype system --partfs squashfs --partarch amd64 --groupid 1 -q
      o="--id $(siftool list --json data/legacy.sif | grep '"id": [0-9]' | tail -1 | tr -dc 0-9)"; t data/legacy.sif
      """)
    #expect(other.text == "2 \n", "\(other.errors)")
  }

  /// A second primary partition, chosen or not, is no reason to ask whose signature covers which.
  @Test func twoPrimaryPartitions() throws {
    let answer = try under(
      list: list("whitelist", [Self.ed25519]),
      """
      siftool dump 1 plain.sif > part; cp data/signed.sif data/two.sif
      siftool add data/two.sif part --datatype partition --parttype system --partfs squashfs --partarch amd64 --groupid 2 -q
      printf '\\002' | dd of=data/two.sif bs=1 seek=$((4096 + 2 * 585 + 205)) conv=notrunc status=none
      siftool sign data/two.sif --key ed25519.sec.asc --group-id 2 -q; echo $?
      t data/two.sif; o='--id 1'; t data/two.sif; o='--id 3'; t data/two.sif; o='--id 1'; t data/signed.sif
      """)
    #expect(answer.text == "5\n5 \n5 \n5 \n0 \n", "\(answer.text) \(answer.errors)")
  }

  @Test func keyRingsOfThePolicy() throws {
    let rule = list("whitelist", [Self.ed25519])
    func status(_ script: String) throws -> String {
      try under(list: rule, script + "; t data/signed.sif").text
    }
    #expect(try status("mv etc/singularity/global-pgp-public ring") == "7 \n")
    #expect(try status(": > etc/singularity/global-pgp-public") == "6 \n")
    #expect(try status("echo nothing > etc/singularity/global-pgp-public") == "3 \n")
    #expect(try status("cat ring > etc/singularity/global-pgp-public") == "0 \n")
    #expect(try status("chmod o+w etc/singularity/global-pgp-public") == "7 \n")
  }

  // MARK: The limits

  @Test func ownersGroupsAndPaths() throws {
    let limits = """
      limit container owners = nosuchuser, daemon
      limit container groups = daemon, users
      limit container paths = /nowhere, DATA
      """
    let answer = try under(
      limits: limits,
      """
      cp data/unsigned.sif database/; chown 1:1 data/*.sif database/*.sif; chown 0:1 data/both.sif; chown 1:0 data/stranger.sif
      t data/signed.sif data/deep/signed.sif data/both.sif data/stranger.sif database/unsigned.sif
      chown 1:1 data/deep/signed.sif; ln -s data way; t data/deep/signed.sif way/signed.sif
      # Another image in its place is another image.
      exec 3< data/signed.sif; chown 0:0 data/unsigned.sif; mv data/unsigned.sif data/signed.sif
      t /proc/self/fd/3 data/signed.sif
      """)
    #expect(answer.text == "0 7 7 7 7 \n0 0 \n7 7 \n", "\(answer.text) \(answer.errors)")
    let place = "siftool: /etc/singularity/singularity.conf denies"
    for line in [
      "\(place) data/both.sif: it belongs to user 0, which is not in \"limit container owners\"",
      "\(place) data/stranger.sif: it belongs to group 0, which is not in \"limit container groups\"",
      "\(place) database/unsigned.sif: it is \(path)/database/unsigned.sif, which is not beneath any of "
        + "\"limit container paths\"",
    ] {
      #expect(answer.errors.contains("\(line)\n"), "\(answer.errors)")
    }
    let ordinary = try under(limits: limits, "t data/deep/signed.sif data/both.sif", isOrdinary: true)
    #expect(ordinary.text == "0 7 \n", "\(ordinary.errors)")
    #expect(try under(limits: "limit container paths = /", "t data/both.sif").text == "0 \n")
    #expect(try fixture.leftovers() == "\n")
  }

  @Test func kinds() throws {
    let images = """
      [ -e data/bare ] || siftool dump $(siftool list --json plain.sif | grep -m1 '"id": [0-9]' | tr -dc 0-9) plain.sif > data/bare
      printf 'secret\\n' > phrase; o='--passphrase-file phrase'
      [ -e data/secret.sif ] || siftool encrypt plain.sif data/secret.sif $o --kdf pbkdf2 --kdf-time 1000 --quiet
      t data/unsigned.sif data/bare data/secret.sif
      """
    #expect(try under(images).text == "0 0 0 \n")
    for (kind, expected) in [
      ("sif", "7 0 0 \n"), ("squashfs", "0 7 7 \n"), ("encrypted", "0 0 7 \n"), ("extfs", "0 0 0 \n"),
      ("dir", "0 0 0 \n"),
    ] {
      let answer = try under(limits: "allow container \(kind) = no", images)
      #expect(answer.text == expected, "\(kind) \(answer.errors)")
    }
    let others = """
      [ -e data/box ] || cp -a rootfs data/box; [ -e data/layer ] || siftool overlay create --sparse data/layer
      t data/box; for o in data/box:ro data/layer:ro data/bare; do siftool exec -o $o data/unsigned.sif true > /dev/null; echo $?; done
      """
    for (kind, expected) in [
      ("sif", "0 \n7\n7\n7\n"), ("dir", "7 \n7\n0\n0\n"), ("extfs", "0 \n0\n7\n0\n"),
      ("squashfs", "0 \n0\n0\n7\n"),
    ] {
      let answer = try under(limits: "allow container \(kind) = no", others)
      #expect(answer.text == expected, "\(kind) \(answer.text) \(answer.errors)")
    }
    // Nobody is asked for a passphrase before.
    let asked = try under(limits: "allow container encrypted = no", "t data/secret.sif")
    #expect(asked.text == "7 \n")
    #expect(
      asked.errors
        == "siftool: /etc/singularity/singularity.conf denies data/secret.sif: it is an encrypted SIF image, "
        + "and \"allow container encrypted = no\"\n")
  }

  // MARK: Whether a policy can be relied on

  @Test func everyPolicyHasItsSay() throws {
    let answer = try under(
      limits: "allow container extfs = no",
      """
      umask 022; mkdir etc/apptainer; touch etc/apptainer/capability.json; t data/signed.sif
      echo 'allow container sif = no' > etc/apptainer/apptainer.conf; t data/signed.sif
      echo 'activated = false' > etc/apptainer/ecl.toml; t data/signed.sif
      echo 'allow container sif = yes' > etc/apptainer/apptainer.conf; t data/signed.sif
      rm etc/singularity/*; t data/signed.sif; echo 'activated = true' > etc/apptainer/ecl.toml; t data/signed.sif
      chmod 777 etc/apptainer; t data/signed.sif; rm etc/apptainer/*.*; t data/signed.sif
      """)
    #expect(answer.text == "0 \n7 \n7 \n0 \n0 \n7 \n7 \n0 \n", "\(answer.text) \(answer.errors)")
    let names = answer.errors.split(separator: "\n").map { String($0.prefix { $0 != ":" }) }
    #expect(
      answer.errors.contains("siftool: /etc/apptainer/ecl.toml is missing: until that is repaired, "),
      "\(names)")
    #expect(
      answer.errors.contains("siftool: /etc/apptainer can be written by users other than root: "), "\(names)")
  }

  @Test(arguments: [false, true]) func policiesThatCannotBeReliedOn(isOrdinary: Bool) throws {
    for (script, reason) in [
      ("rm ecl.toml", "ecl.toml is missing"),
      ("rm ecl.toml; ln -s /dev/null ecl.toml", "ecl.toml is a symbolic link"),
      ("rm ecl.toml; mkfifo ecl.toml", "ecl.toml is not a regular file"),
      ("chmod o+w ecl.toml", "ecl.toml can be written"),
      ("chown 65534 singularity.conf", "singularity.conf belongs to user 65534"),
      ("printf 'ke' >> ecl.toml", "ecl.toml is malformed (TOML: "),
      ("printf 'allow container dir' >> singularity.conf", "singularity.conf is malformed (line 2: "),
      (
        "printf '\\033[31m = \\033[0mx\\nallow container \\033[0m = no' >> singularity.conf",
        "singularity.conf is malformed (line 3: "
      ),
    ] + (isOrdinary ? [("chmod 600 ecl.toml", "ecl.toml cannot be read (Permission denied)")] : []) {
      try Tool.check(["rm", "-rf", "\(path)/etc/singularity"])
      _ = try under(":")
      try Tool.check(["sh", "-c", "cd \(path)/etc/singularity; \(script)"])
      let answer = try with("t data/signed.sif", isOrdinary: isOrdinary)
      #expect(answer.text == "7 \n", "\(script) \(answer.errors)")
      #expect(answer.errors.hasPrefix("siftool: /etc/singularity/\(reason)"), "\(answer.errors)")
      #expect(answer.errors.utf8.allSatisfy { $0 != 0x1B })
    }
  }

  @Test func mounts() throws {
    let answer = try under(
      list: list("whitelist", [Self.ed25519]),
      """
      siftool mount --json data/unsigned.sif mnt > document; echo $?; mountpoint -q mnt || echo none
      siftool mount --json --fuse data/tampered.sif mnt > /dev/null; echo $?; mountpoint -q mnt || echo none
      siftool mount data/signed.sif mnt; echo $?; cat mnt/bin/data; siftool unmount mnt; echo $?
      # What needs no rights of a runtime's is no matter of its policy.
      siftool cat data/unsigned.sif bin/data
      """)
    let ordinary = try with("t data/signed.sif data/unsigned.sif", isOrdinary: true)
    #expect(ordinary.text == "0 2 \n", "\(ordinary.errors)")
    #expect(answer.text == "2\nnone\n4\nnone\n0\ndata\n0\ndata\n", "\(answer.text) \(answer.errors)")
    let document = try fixture.directory.read("document")
    #expect(try JSONSchema.faults(of: document, schema: "error") == "")
    #expect(try JSONParser.parse(document)["error"]?["code"]?.text == "execution-signers")
    #expect(try fixture.leftovers() == "\n")
  }
}
