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

  /// OCI-SIFs that are made here: one layer for all, and each layer one of its own. The kernel's overlay makes the same tree of
  /// those as we do.
  @Test func ociSIFsAreMade() throws {
    try shell(
      """
      tree() { python3 \(Fixture.script("tree.py")) "$1" .singularity.d .exec .run .shell .start .test singularity environment; }
      mkdir -p one/kept one/gone/deep one/filled one/replaced two/filled two/replaced; echo a > one/kept/a; echo b > one/kept/b
      echo x > one/gone/deep/x; echo old > one/filled/old; echo old > one/replaced/old; ln -s kept one/link; echo 1 > one/file
      mkdir two/kept; : > two/kept/.wh.a; : > two/.wh.gone; : > two/filled/.wh..wh..opq; echo new > two/filled/new
      : > two/.wh.replaced; echo new > two/replaced/new; : > two/.wh.link; echo 2 > two/file; ln two/file two/other
      umoci init --layout layout; umoci new --image layout:v1 2> /dev/null
      umoci config --image layout:v1 --config.label color=blue
      for layer in one two; do tar -C $layer --sort=name -cf layer.tar .; umoci raw add-layer --image layout:v1 layer.tar 2> /dev/null; done
      umoci --log=error raw unpack --image layout:v1 theirs; tree theirs > theirs.txt
      for options in --quiet --keep-layers; do
        siftool pull --oci -q $options -F a.oci.sif oci:layout:v1; siftool pull --oci -q $options b.oci.sif oci:layout:v1
        cmp a.oci.sif b.oci.sif; rm b.oci.sif; siftool check a.oci.sif
        rm -rf ours; siftool extract -q a.oci.sif -C ours; tree ours | diff theirs.txt -
      done
      siftool list a.oci.sif | grep -c OCI.Blob | grep -qx 4
      lower=
      for id in 1 2; do siftool dump $id a.oci.sif > layer; unsquashfs -q -n -d l$id layer > /dev/null; lower=$PWD/l$id${lower:+:$lower}; done
      mkdir merged
      unshare -m sh -c "mount -t overlay overlay -o lowerdir=$lower merged && cp -a --sparse=never merged kernel"
      tree kernel | diff theirs.txt -
      siftool export -q a.oci.sif oci:back:v1
      python3 - <<'END'
      import glob, json
      texts = [open(name, 'rb').read() for name in glob.glob('back/blobs/sha256/*')]
      configs = [json.loads(text) for text in texts if text[:1] == b'{']
      assert any(value.get('config', {}).get('Labels', {}).get('color') == 'blue' for value in configs if 'rootfs' in value), configs
      END
      python3 \(Fixture.script("layout.py")) gzip linked
      siftool pull --oci -q --keep-layers c.oci.sif oci:linked:v1 2> error && exit 1; grep -q 'tool3: a hard link' error; [ ! -e c.oci.sif ]
      """)
  }

  /// A layer without the zeros that fill its last block, as umoci writes it, is read like any other; check has a note.
  @Test func layersWithoutTheirEnd() throws {
    try shell(
      """
      umoci init --layout layout; umoci new --image layout:v1 2> /dev/null; echo hello > file
      umoci --log=error insert --image layout:v1 file /new
      siftool check oci:layout:v1 > found; grep -q '^note .*ends within a block' found; grep -q '^sound' found
      siftool check oci:layout:v1 --json | grep -q '"worst": "note"'
      siftool pull -q x.sif oci:layout:v1; [ "$(siftool cat x.sif new)" = hello ]
      umoci --log=error raw unpack --image layout:v1 theirs; cmp theirs/new file
      """)
  }

  /// An archive may not stand for more zeros than anybody waits for.
  @Test func holesHaveALimit() throws {
    try shell("truncate -s 2T big; echo small > small; tar -Scf big.tar small big; rm big")
    let answer = try Siftool.run("pack", "big.tar", "x.sif", in: directory)
    #expect(answer.status != 0 && answer.errors.contains("have more than 1 TiB"), "\(answer.errors)")
    #expect(try Tool.run(["test", "-e", directory.file("x.sif")]).status != 0)
  }
}
