import TestSupport
import Testing

/// Images of OCI and Docker that are read where they are: listed, extracted, shown and checked.
@Suite struct LocalImageTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  @discardableResult
  private func shell(_ script: String) throws -> String {
    let script = """
      set -eu
      layout() { python3 \(Fixture.script("layout.py")) "$@"; }
      tree() { python3 \(Fixture.script("tree.py")) "$1"; }
      \(script)
      """
    let answer = try Shell.run(script, with: "bash", in: directory)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    return answer.text
  }

  @Test func treesAreRead() throws {
    try shell(
      """
      layout gzip layout; umoci --log=error raw unpack --image layout:v1 theirs; tree theirs > tree.txt
      skopeo copy -q oci:layout:v1 docker-archive:d.tar:some/name:1; export TMPDIR=$PWD/tmp; mkdir tmp
      for source in oci:layout oci:layout:v1 docker-archive:d.tar:some/name:1; do
        siftool extract -q $source -C ours; tree ours | diff tree.txt -; rm -rf ours
        [ "$(siftool cat $source etc/motd)" = bye ]; siftool ls $source usr/bin | grep -qx tool3
        siftool tar $source 2> /dev/null | tar -tf - | grep -qx usr/bin/su
      done
      [ -z "$(ls -A tmp)" ]
      """)
    let answer = try Siftool.run("export", "oci:layout", "oci:other", in: directory)
    #expect(answer.status == 64)
    #expect(answer.errors.contains("skopeo copies such images"))
  }

  @Test func theyAreShown() throws {
    let page = try shell(
      "layout gzip layout; siftool inspect oci:layout:v1; siftool inspect oci:layout --json > page.json")
    for text in [
      "linux/amd64", "Entry point:  \"/bin/echo\" \"it's\"", "maintainer",
      "application/vnd.oci.image.layer.v1.tar+gzip",
    ] {
      #expect(page.contains(text), "\(text): \(page)")
    }
    try Tool.check(
      [
        "/usr/bin/python3", "-W", "ignore", "-c",
        """
        import json, pathlib, sys, jsonschema
        folder = pathlib.Path(sys.argv[1])
        schema = json.loads((folder / "inspect-oci.schema.json").read_text())
        jsonschema.validate(json.load(open(sys.argv[2])), schema, resolver=jsonschema.RefResolver(folder.as_uri() + "/", schema))
        """, "\(Fixture.root)/spec/json", directory.file("page.json"),
      ])
  }

  @Test func soundOnesAreSound() throws {
    let text = try shell(
      """
      for case in gzip zstd none platforms several artifact; do layout $case $case; siftool check oci:$case; done
      skopeo copy -q oci:gzip:v1 docker-archive:d.tar:some/name:1; siftool check docker-archive:d.tar
      skopeo copy -q oci:gzip:v1 dir:d; siftool check dir:d
      """)
    #expect(text.split(separator: "\n").allSatisfy { $0.hasPrefix("sound: ") }, "\(text)")
    #expect(text.contains("sound: 7 blobs"), "\(text)")
  }

  @Test(arguments: [
    ("missing-layer", "not-found"), ("missing-config", "not-found"), ("changed", "wrong-digest"),
    ("too-long", "wrong-size"),
    ("wrong-diff-id", "wrong-digest"), ("fewer-diff-ids", "malformed-document"), ("cut-gzip", "truncated"),
    ("negative", "malformed-document"),
    ("index-of-itself", "wrong-digest"), ("schema-1", "unsupported"), ("many-layers", "limit-exceeded"),
  ])
  func faultsAreFound(name: String, code: String) throws {
    try shell("layout \(name) layout")
    let answer = try Siftool.run("check", "oci:layout", in: directory)
    #expect(answer.status == 5, "\(answer.text) \(answer.errors)")
    #expect(answer.text.contains("[\(code)]"), "\(answer.text)")
    let document = try Siftool.run("check", "oci:layout", "--json", in: directory)
    #expect(document.status == 5)
    #expect(document.text.contains("\"code\": \"\(code)\"") || document.text.contains("\"code\":\"\(code)\""))
  }

  /// An OCI-SIF with one layer, made of parts by hand.
  @Test func anOCISIFIsRead() throws {
    try shell(
      """
      mkdir root; echo inside > root/file; mksquashfs root layer -quiet -no-progress > /dev/null
      python3 - <<'END'
      import hashlib, json
      def descriptor(name, kind):
        data = open(name, 'rb').read()
        return {'mediaType': kind, 'digest': 'sha256:' + hashlib.sha256(data).hexdigest(), 'size': len(data)}
      layer = descriptor('layer', 'application/vnd.sylabs.image.layer.v1.squashfs')
      json.dump({'os': 'linux', 'architecture': 'amd64', 'rootfs': {'type': 'layers', 'diff_ids': [layer['digest']]}}, open('config', 'w'))
      config = descriptor('config', 'application/vnd.oci.image.config.v1+json')
      json.dump({'schemaVersion': 2, 'config': config, 'layers': [layer]}, open('manifest', 'w'))
      json.dump({'schemaVersion': 2, 'manifests': [descriptor('manifest', 'application/vnd.oci.image.manifest.v1+json')]}, open('index', 'w'))
      END
      siftool new x.oci.sif
      for blob in layer config manifest; do siftool add x.oci.sif $blob --datatype oci-blob; done
      siftool add x.oci.sif index --datatype oci-root-index
      siftool check x.oci.sif; [ "$(siftool cat x.oci.sif file)" = inside ]; siftool extract -q x.oci.sif -C out; diff -r root out
      siftool ls x.oci.sif | grep -qx file; siftool export -q x.oci.sif oci:new:v1; umoci --log=error raw unpack --image new:v1 raw; diff -r root raw
      siftool del 3 x.oci.sif
      """)
    let answer = try Siftool.run("ls", "x.oci.sif", in: directory)
    #expect(answer.status == 1)
    #expect(answer.errors.contains("does not exist in the image"), "\(answer.errors)")
  }
}
