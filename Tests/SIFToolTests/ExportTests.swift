import Glibc
import TestSupport
import Testing

/// `export`: images that skopeo and umoci take, with the tree and the settings of the SIF.
@Suite struct ExportTests {
  private let directory: Scratch

  init() throws {
    directory = try Scratch()
    try shell(
      "python3 \(Fixture.script("layout.py")) none layout; siftool pull -q x.sif oci:layout --deterministic; rm -rf layout"
    )
  }

  @discardableResult
  private func shell(_ script: String) throws -> String {
    let script = """
      set -eu
      tree() { python3 \(Fixture.script("tree.py")) "$1"; }
      \(script)
      """
    let answer = try Shell.run(script, with: "bash", in: directory)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    return answer.text
  }

  @Test func othersTakeWhatIsExported() throws {
    try shell(
      """
      siftool extract -q x.sif -C tree; tree tree > tree.txt
      siftool export -q x.sif oci:new:v1; siftool export -q x.sif oci-archive:a.tar:v1; siftool export -q x.sif docker-archive:d.tar:some/name:1
      umoci --log=error raw unpack --image new:v1 theirs; tree theirs | diff tree.txt -
      for source in oci:new:v1 oci-archive:a.tar:v1 docker-archive:d.tar:docker.io/some/name:1; do
        rm -rf copy theirs; skopeo copy -q $source oci:copy:x; umoci --log=error raw unpack --image copy:x theirs; tree theirs | diff tree.txt -
        skopeo inspect --config $source > config.json
        python3 - <<'END'
      import json
      config = json.load(open('config.json'))
      settings = config['config']
      assert config['architecture'] == 'amd64' and config['os'] == 'linux', config
      assert settings['Entrypoint'] == ['/bin/echo', "it's"] and settings['Cmd'] == ['$HOME'] and settings['User'] == '7', settings
      assert settings['Labels']['maintainer'] == 'nobody' and settings['Labels']['org.label-schema.schema-version'] == '1.0', settings
      assert len(config['rootfs']['diff_ids']) == 1
      END
      done
      tar -tf a.tar | sort -c -u || tar -tf a.tar | sort | uniq -d | diff /dev/null -
      # And we take it back.
      siftool pull -q back.sif docker-archive:d.tar; siftool extract -q back.sif -C back
      tree back | grep -v singularity.d > back.txt; grep -v singularity.d tree.txt | diff - back.txt
      """)
  }

  @Test func theSameBytesEachTime() throws {
    try shell(
      """
      for threads in 1 3; do siftool export -q x.sif oci-archive:$threads.tar:v1 --threads $threads; done; cmp 1.tar 3.tar
      siftool export -q x.sif oci:new:v1; sha256sum new/blobs/sha256/* > first; siftool export -q x.sif oci:new:v1 --threads 4; sha256sum -c --quiet first
      [ "$(ls new/blobs/sha256 | wc -l)" = 3 ]
      """)
  }

  @Test func anImageIsAddedToALayout() throws {
    try shell(
      """
      mkdir root; echo plain > root/file; siftool pack -q root plain.sif --arch amd64 --plain
      siftool export -q x.sif oci:new:one; siftool export -q plain.sif oci:new:two; siftool export -q plain.sif oci:new:one:more
      siftool export -q plain.sif oci:new:one
      umoci ls --layout new | sort | tr '\\n' ' ' | grep -q 'one one:more two'
      siftool pull -q a.sif oci:new:one; siftool cat a.sif file
      # A plain image starts nothing, one with scripts starts those.
      ! skopeo inspect --config oci:new:two | grep -q Entrypoint
      siftool pack -q root scripts.sif --arch arm64 --label l=m; siftool export -q scripts.sif oci:new:three
      skopeo --override-arch arm64 inspect --config oci:new:three | tr -d ' \\n' > config
      grep -q '"Entrypoint":\\["/.singularity.d/actions/run"\\]' config; grep -q '"l":"m"' config; grep -q '"architecture":"arm64"' config
      """)
  }

  @Test func destinationsThatAreRefused() throws {
    try shell("mkdir other; touch other/file; echo kept > a.tar; cp a.tar kept; mkdir empty")
    for (destination, status, text) in [
      ("oci:other:v1", 5, "a directory with other things than an image layout"),
      ("oci-archive:a.tar", 1, "exists already; --force replaces it"),
      ("docker-archive:new.tar:UPPER", 64, "not the name of an image"), ("dir:new", 64, "without a digest"),
      ("new.tar", 64, "not a destination"),
      ("oci:missing/new:v1", 7, "missing/new"),
    ] {
      let answer = try Siftool.run("export", "x.sif", destination, in: directory)
      #expect(answer.status == Int32(status), "\(destination): \(answer.status) \(answer.errors)")
      #expect(answer.errors.contains(text), "\(answer.errors)")
    }
    try shell(
      "cmp a.tar kept; ls other | grep -qx file; ! [ -e new.tar ]; siftool export -q x.sif oci-archive:a.tar --force; siftool export -q x.sif oci:empty:v1"
    )
  }
}
