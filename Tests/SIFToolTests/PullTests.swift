import Glibc
import TestSupport
import Testing

/// `pull` of images that are in files: trees as umoci makes them, images as skopeo writes them.
@Suite struct PullTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  @discardableResult
  private func shell(_ script: String) throws -> String {
    let script = """
      set -eu
      layout() { python3 \(Fixture.script("layout.py")) "$@"; }
      # What pull adds for the runtimes is no part of the tree.
      tree() {
        python3 \(Fixture.script("tree.py")) "$1" .singularity.d .exec .run .shell .start .test singularity environment dev proc sys \\
          root home etc/hosts etc/resolv.conf var/tmp
      }
      pulled() { siftool pull -q -F x.sif "$1" && rm -rf ours && siftool extract -q x.sif -C ours && tree ours; }
      unpacked() { umoci --log=error raw unpack --image "$1" theirs && tree theirs; rm -rf theirs; }
      \(script)
      """
    let answer = try Shell.run(script, with: "bash", in: directory)
    try #require(answer.status == 0, "\(answer.text) \(answer.errors)")
    return answer.text
  }

  @Test(arguments: ["gzip", "zstd", "none"]) func treesAreThoseOfUmoci(compression: String) throws {
    let tree = try shell(
      """
      layout \(compression) layout; pulled oci:layout:v1 > ours.txt; cat ours.txt
      layout gzip plain; unpacked plain:v1 > theirs.txt; diff theirs.txt ours.txt; siftool check -q x.sif
      """)
    // A few lines that say that the comparison compares.
    for text in [
      "usr/bin/su' 104755", "null' 20666", "1:3", "('user.color', b'blue')",
      "one file: 'usr/bin/tool2' 'usr/bin/tool3'",
      "usr/lib/libnew.so",
    ] {
      #expect(tree.contains(text), "\(text): \(tree)")
    }
    for text in [
      "libz.so' 100644 0:0 1 1700000000 \(String(repeating: "z", count: 3))", "selinux", "'first'",
      "gone/deep",
    ] {
      #expect(!tree.contains(text))
    }
  }

  @Test func everyFormOfFilesGivesTheSameImage() throws {
    try shell(
      """
      layout gzip layout; export SOURCE_DATE_EPOCH=1700000000
      pulled oci:layout:v1 > tree.txt
      skopeo copy -q oci:layout:v1 oci-archive:a.tar:some/name:1 2> /dev/null
      skopeo copy -q oci:layout:v1 docker-archive:d.tar:some/name:1
      skopeo copy -q oci:layout:v1 dir:d
      gzip -k a.tar d.tar; zstd -q d.tar
      for source in oci:layout oci-archive:a.tar oci-archive:a.tar:some/name:1 oci-archive:a.tar.gz docker-archive:d.tar \\
        docker-archive:d.tar:docker.io/some/name:1 docker-archive:d.tar:some/name:1 docker-archive:d.tar.gz:some/name:1 \\
        docker-archive:d.tar.zst dir:d; do
        pulled $source | diff tree.txt - || { echo "$source differs"; exit 1; }
      done
      # One that has the layers compressed, and under names of its own.
      mkdir packed; tar -xf d.tar -C packed; cd packed; name=$(ls *.tar | head -1); rm -rf */; cat $name | gzip -9 > packed; mv packed $name
      tar -cf ../packed.tar *; cd ..; pulled docker-archive:packed.tar | diff tree.txt -
      # And as Docker 25 writes it: a layout with the older list beside it.
      cp -r layout both; tar -xOf d.tar manifest.json > both/manifest.json; tar -cf both.tar -C both .
      pulled docker-archive:both.tar | diff tree.txt -
      """)
  }

  @Test func imagesOfBuildah() throws {
    try shell(
      """
      export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot; b="buildah --root $PWD/storage --runroot $PWD/run"
      mkdir -p root/bin root/etc root/tmp root/var; chmod 1777 root/tmp; echo sh > root/bin/sh; chmod 4755 root/bin/sh; ln root/bin/sh root/bin/other; echo new > file
      c=$($b from scratch); $b copy -q $c root / > log; $b commit -q $c oci:base:v1 >> log
      c=$($b from -q oci:base:v1); $b copy -q $c file /etc/added >> log; $b config --label a=b --entrypoint '["/x"]' $c
      $b commit -q $c oci:built:v2 >> log
      pulled oci:built:v2 > ours.txt; unpacked built:v2 | diff - ours.txt; grep -q etc/added ours.txt
      siftool dump 3 x.sif | grep -q '"Entrypoint":\\["/x"\\]'
      """)
  }

  @Test func theSameBytesEachTime() throws {
    try shell(
      """
      layout zstd layout
      for threads in 1 2 5; do siftool pull -q $threads.sif oci:layout --deterministic --threads $threads; done
      cmp 1.sif 2.sif; cmp 1.sif 5.sif
      export SOURCE_DATE_EPOCH=1600000000; siftool pull -q a.sif oci:layout; sleep 1; siftool pull -q b.sif oci:layout; cmp a.sif b.sif
      siftool list a.sif --json | grep -q inspect-metadata.json
      """)
  }

  @Test func thePlatformIsChosen() throws {
    try shell(
      """
      layout platforms layout
      is() { siftool pull -q -F x.sif oci:layout $2 && [ "$(siftool cat x.sif platform)" = "$1" ] || { echo "$*"; exit 1; }; }
      is linux-amd64- "--arch amd64"; is linux-amd64- "--platform linux/x86_64"; is linux-arm64-v8 "--arch aarch64"
      is linux-arm-v6 "--platform linux/arm/v7"; is linux-arm-v6 "--arch armhf"; is linux-arm-v5 "--platform linux/arm/v5"
      siftool header x.sif | grep -q ' arm$'
      """)
    let answer = try Siftool.run("pull", "y.sif", "oci:layout", "--arch", "s390x", in: directory)
    #expect(answer.status == 1)
    #expect(answer.errors.contains("the index has no image for linux/s390x"), "\(answer.errors)")
    #expect(try Siftool.run("pull", "y.sif", "oci:layout", "--arch", "a b", in: directory).status == 64)
    #expect(
      try Siftool.run("pull", "y.sif", "oci:layout", "--platform", "windows/amd64", in: directory).status
        == 64)
  }

  @Test func oneOfSeveralImagesIsNamed() throws {
    try shell(
      """
      layout several layout
      siftool pull -q one.sif oci:layout:one:1; siftool pull -q other.sif oci:layout:docker.io/library/one:1; siftool cat one.sif file
      digest=$(grep -o 'sha256:[0-9a-f]*' layout/index.json | tail -1)
      siftool pull -q second.sif oci:layout@$digest; siftool ls second.sif other
      cd layout; siftool pull -q oci:../layout:one:1; [ -e layout_one_1.sif ]
      """)
    for (source, text) in [
      ("oci:layout", "has 2 images: name one of them; it has docker.io/library/one:1, two\\x1b[31m"),
      ("oci:layout:three", "has no image three; it has"),
      ("oci:layout@sha256:" + String(repeating: "0", count: 64), "has no image sha256:000"),
    ] {
      let answer = try Siftool.run("pull", "z.sif", source, in: directory)
      #expect(answer.status == 1)
      #expect(answer.errors.contains(text), "\(answer.errors)")
    }
  }

  @Test func anImageIsReplacedOnlyOnDemand() throws {
    try shell("layout none layout; siftool pull -q x.sif oci:layout; cp x.sif kept.sif")
    let answer = try Siftool.run("pull", "x.sif", "oci:layout", in: directory)
    #expect(answer.status == 1)
    #expect(answer.errors.contains("x.sif exists already; --force replaces it"))
    try shell("cmp x.sif kept.sif; siftool pull -q --force x.sif oci:layout")
  }

  @Test func wrongSourcesAreNamed() throws {
    try shell("mkdir empty; echo hello > text; tar -cf other.tar text")
    for (source, status, text) in [
      ("oci:empty", 5, "empty is not an image layout"), ("oci:missing", 5, "missing is not an image layout"),
      ("oci-archive:missing", 7, "missing"), ("oci-archive:text", 5, "archive"),
      ("oci-archive:other.tar", 5, "has no file oci-layout"),
      ("docker-archive:other.tar", 5, "no file manifest.json"),
      ("dir:empty", 5, "no files version and manifest.json"), ("text", 64, "is not a source"),
      ("oci:", 64, "no path"),
      ("oci:empty:", 64, "no image after the path"), ("oci:empty@sha256:0", 64, "not a digest"),
    ] {
      let answer = try Siftool.run("pull", "z.sif", source, in: directory)
      #expect(answer.status == Int32(status), "\(source): \(answer.status) \(answer.errors)")
      #expect(answer.errors.contains(text), "\(source): \(answer.errors)")
    }
    try shell("! [ -e z.sif ]")
  }

  /// The program starts as Docker would start it, with and without a shell in the image, evaluated or not.
  @Test func theProgramRuns() throws {
    try shell(
      """
      layout none layout; siftool pull -q x.sif oci:layout
      siftool dump 1 x.sif | grep -qx 'from: layout'; siftool dump 3 x.sif | grep -q '"Entrypoint":\\["/bin/echo"'
      siftool cat x.sif .singularity.d/labels.json | grep -q '"maintainer": "nobody"'
      siftool cat x.sif .singularity.d/env/10-docker2singularity.sh > env.sh; siftool cat x.sif .singularity.d/runscript > run.sh
      env -i sh -c '. ./env.sh; [ "$QUOTED" = "b \\"\\$x\\"\\`'"'"'" ]; [ "${NONE+set}" = set ]; [ "$PATH" = /usr/bin:/bin ]'
      for shell in dash bash 'busybox sh'; do
        [ "$(HOME=/h $shell run.sh)" = "it's \\$HOME" ]; [ "$(HOME=/h $shell run.sh '$HOME' b)" = "it's /h b" ]
        [ "$(SINGULARITY_NO_EVAL=1 $shell run.sh '$HOME' b)" = "it's \\$HOME b" ]; [ "$(SINGULARITY_NO_EVAL=1 $shell run.sh)" = "it's \\$HOME" ]
      done
      """)
  }

  @Test func partsOfTheDiskStayEmptyAndMemoryIsBounded() throws {
    try shell("layout bomb layout; mkdir tmp")
    let (answer, peak) = try Siftool.measure([
      "pull", "-q", directory.file("x.sif"), "oci:\(directory.file("layout"))", "--threads", "2",
    ])
    #expect(answer.status == 0, "\(answer.errors)")
    // Three gibibytes of zeros are holes.
    #expect(try shell("stat -c %s x.sif; siftool ls -l x.sif zeros").contains("3221225472"))
    #expect(peak < 64 << 20, "\(peak >> 20) MiB")
  }
}
