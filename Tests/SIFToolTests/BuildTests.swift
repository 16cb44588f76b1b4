import Glibc
import TestSupport
import Testing

/// `build`: what becomes of definition files, without a script that runs. The expectations are what the runtimes make.
@Suite struct BuildTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  @discardableResult
  private func shell(_ script: String, status: Int32 = 0) throws -> ToolAnswer {
    let script = """
      set -eu
      export SINGULARITY_CACHEDIR="$PWD/cache"
      build() { siftool build -q "$@"; }
      # Types, permissions, owners and names.
      tree() { siftool ls -lR "$1" / | awk '{ $2 = ""; $5 = ""; $6 = ""; print }' | tr -s ' '; }
      \(script)
      """
    let answer = try Shell.run(script, with: "bash", in: directory)
    try #require(answer.status == status, "\(answer.text) \(answer.errors)")
    return answer
  }

  private static let full = """
    mkdir -p src/dir; echo one > src/dir/one; ln -s one src/dir/link; echo two > src/two; chmod 4750 src/two
    cat > full.def <<'END'
    # The first comment stays.
    Bootstrap: scratch

    %arguments
        WORD=hello

    %files
        src/dir /opt/copy
        src/two /opt/

    %environment
        export FULL=yes

    %runscript -e
        echo "{{ WORD }} <$#>"

    %startscript
    #!/bin/bash
        exec sleep 1000

    %test
        test -f /opt/two

    %help
        Help of the image.

    %labels
        Author a@example.com
        Quoted "a <b>"

    %appfiles b.r
        src/two data

    %applabels b.r
        OWN value

    %appenv b.r
        export APP=yes

    %apphelp b.r
        Help of the app.

    %apprun b.r
        echo app
    END
    """

  @Test func everySectionIsWhereTheRuntimesLook() throws {
    let answer = try shell(
      """
      \(Self.full)
      build --notest full.sif full.def
      siftool list full.sif | tail -3 | cut -d'|' -f2,3,5 | tr -s ' '
      tree full.sif
      for file in runscript startscript test runscript.help labels.json; do
        echo "[$file]"; siftool cat full.sif /.singularity.d/$file
      done
      siftool cat full.sif /.singularity.d/Singularity | diff - <(sed 's/{{ WORD }}/hello/' full.def)
      siftool dump 1 full.sif | diff - <(siftool cat full.sif /.singularity.d/Singularity)
      echo "[app]"; siftool cat full.sif /scif/apps/b.r/scif/labels.json
      siftool cat full.sif /.singularity.d/env/94-appsbase.sh
      siftool check -q full.sif
      """
    ).text
    for text in [
      "1 |NONE |Def.FILE", "1 |NONE |JSON.Generic", "1 |NONE |FS (Squashfs/*System/amd64)",
      "-rw-r--r-- 0 0 .singularity.d/labels.json", "-rwxr-xr-x 0 0 .singularity.d/test",
      "-rwxr-x--- 0 0 opt/two",
      "-rw-r--r-- 0 0 opt/copy/link", "lrwxrwxrwx 0 0 singularity -> .singularity.d/runscript",
      "drwxr-xr-x 0 0 scif/data/b.r/output", "-rwxr-x--- 0 0 scif/apps/b.r/data",
      "[runscript]\n#!/bin/sh -e\n\n    echo \"hello <$#>\"\n\n\n[startscript]\n#!/bin/bash\n\n    exec sleep 1000\n\n\n",
      "[runscript.help]\n    Help of the image.\n\n\n",
      "\n\t\"Author\": \"a@example.com\",\n\t\"Quoted\": \"\\\"a \\u003cb\\u003e\\\"\",\n\t\"org.label-schema.build-arch\"",
      "\"org.label-schema.usage.singularity.deffile.bootstrap\": \"scratch\"",
      "[app]\n{\n\t\"OWN\": \"value\",\n\t\"SCIF_APP_NAME\": \"b.r\"\n}SCIF_APPDATA_b_r=/scif/data/b.r\n",
    ] {
      #expect(answer.contains(text), "\(text): \(answer)")
    }
    #expect(!answer.contains(".start "))
  }

  @Test func inspectMetadataIsTheRuntimesDocument() throws {
    let answer = try shell(
      """
      \(Self.full)
      build --notest full.sif full.def; siftool dump 2 full.sif > meta.json
      python3 - <<'END'
      import json
      text = open("meta.json").read()
      data = json.loads(text)
      print(list(data), data["type"], list(data["data"]["attributes"]))
      attributes = data["data"]["attributes"]
      print(list(attributes["apps"]["b.r"]), repr(attributes["helpfile"]), list(attributes["environment"]))
      print("\\\\u003c" in text, text.endswith("}"))
      END
      """
    ).text
    #expect(
      answer == """
        ['data', 'type'] container ['apps', 'environment', 'labels', 'runscript', 'test', 'helpfile', 'deffile', 'startscript']
        ['environment', 'labels', 'runscript', 'helpfile'] '    Help of the image.' ['/.singularity.d/env/90-environment.sh']
        True True

        """)
  }

  @Test func sameBytesInTwoPlaces() throws {
    try shell(
      """
      \(Self.full)
      export SOURCE_DATE_EPOCH=1700000000
      build --notest --disable-cache a.sif full.def; mkdir other tmp; cp -r src other; sleep 1
      (cd other; TMPDIR="$OLDPWD/tmp" build --notest --disable-cache b.sif ../full.def)
      cmp a.sif other/b.sif; [ -z "$(ls -A tmp)" ]
      """)
  }

  @Test func basesAreImagesOfAnyForm() throws {
    let answer = try shell(
      """
      \(Self.full)
      build --notest full.sif full.def
      printf 'Bootstrap: localimage\\nFrom: full.sif\\n%%labels\\n Author b\\n New c\\n' > again.def
      build again.sif again.def; siftool cat again.sif /.singularity.d/labels.json
      siftool cat again.sif /.singularity.d/bootstrap_history/Singularity0 | diff - <(siftool dump 1 full.sif)
      build -F again.sif again.def; siftool cat again.sif /.singularity.d/labels.json | grep Author
      build --sandbox box full.sif; build box.sif box;
      siftool dump 3 full.sif > full.squashfs; build squash.sif full.squashfs
      tree full.sif > full.txt; tree squash.sif | grep -v bootstrap_history | diff full.txt -
      siftool dump 1 box.sif
      siftool export -q full.sif oci:layout:v1
      build layout.sif oci:layout:v1; siftool list layout.sif | tail -4 | cut -d'|' -f5
      skopeo copy -q oci:layout:v1 docker-archive:d.tar:x:1; build docker.sif docker-archive:d.tar
      siftool cat docker.sif /.singularity.d/runscript | diff - <(siftool cat full.sif /.singularity.d/runscript)
      """
    ).text
    for text in [
      "\"Author\": \"a@example.com\"", "\"New\": \"c\"", "\"Author\": \"b\"",
      "bootstrap: localimage\nfrom: box\n\n",
      "Def.FILE\nJSON.Generic\nJSON.Generic\nFS (Squashfs/*System/amd64)",
    ] {
      #expect(answer.contains(text), "\(text): \(answer)")
    }
  }

  /// What umoci unpacks is in the image: owners, set-id bits, devices, attributes, hard links.
  @Test func layersAreThoseOfUmoci() throws {
    try shell(
      """
      python3 \(Fixture.script("layout.py")) gzip layout
      list() { python3 \(Fixture.script("tree.py")) "$1" .singularity.d .exec .run .shell .test singularity environment dev proc sys \\
          root home tmp etc/hosts etc/resolv.conf var/tmp; }
      build x.sif oci:layout:v1; siftool extract -q x.sif -C ours; list ours > ours.txt
      umoci --log=error raw unpack --image layout:v1 theirs; list theirs | diff - ours.txt
      grep -q "usr/bin/su' 104755" ours.txt
      """)
  }

  @Test func filesOfStagesAndPatterns() throws {
    let answer = try shell(
      """
      mkdir -p src/d; echo 1 > src/d/a1; echo 2 > src/d/a2; echo 3 > 'src/with space'; ln -s d src/link
      ln -s /opt/real src/rooted; touch 'src/star*'
      cat > stages.def <<'END'
      Bootstrap: scratch
      Stage: one
      %files
          src/d/a? /opt/real/
          "src/with space" "/opt/also with space"
          src/link /opt/followed
          src/star* /opt/star

      Bootstrap: scratch
      Stage: two
      %files from one
          /opt/real /copy/real
          /opt/real/../real/a* /copy/some/
          /opt/also*
          ../../opt/star /../../up
      END
      build stages.sif stages.def; tree stages.sif | grep -E '(copy|opt|up)'
      """
    ).text
    #expect(
      answer == """
        drwxr-xr-x 0 0 copy
        drwxr-xr-x 0 0 copy/real
        -rw-r--r-- 0 0 copy/real/a1
        -rw-r--r-- 0 0 copy/real/a2
        drwxr-xr-x 0 0 copy/some
        -rw-r--r-- 0 0 copy/some/a1
        -rw-r--r-- 0 0 copy/some/a2
        drwxr-xr-x 0 0 opt
        -rw-r--r-- 0 0 opt/also with space
        -rw-r--r-- 0 0 up

        """)
  }

  @Test(arguments: [
    ("%files\n nothing*", "line 4: nothing on the host matches nothing*"),
    ("%files\n missing /x", "line 4: there is no file missing on the host"),
    ("%files\n deep /x", "leads to a directory above it"),
    ("%files\n dangling /x", "line 4: there is no file dangling on the host"),
    ("%files\n pipe /x", "%files copies nothing else"),
    ("%files from s\n a b", "the stage \"s\" copies files from itself"),
    ("%files from later\n a b", "there is no stage \"later\""),
    ("%runscript\n {{ NAME }}", "the template {{ NAME }} has no value"),
    ("%wrong\n a", "there is no section %wrong"),
    ("%apprun a/../b\n a", "cannot be the name of an app"),
  ])
  func faultsAreNamed(body: String, message: String) throws {
    let answer = try shell(
      """
      mkdir -p deep/loop; ln -s .. deep/loop/up; ln -s nowhere dangling; mkfifo pipe
      cat > bad.def <<'END'
      Bootstrap: scratch
      Stage: s
      \(body)
      END
      code=0; build bad.sif bad.def 2> errors || code=$?
      cat errors; [ $code -ne 0 ]; [ ! -e bad.sif ]; ls -A
      """
    ).text
    #expect(answer.contains(message), "\(answer)")
  }

  /// Nothing outside of the tree is written, whatever links the tree has.
  @Test func linksOfTheTreeStayInside() throws {
    try shell(
      """
      mkdir outside base base/.singularity.d base/dev base/proc base/sys; echo keep > outside/file; echo new > new
      ln -s "$PWD/outside" base/out; ln -s ../../../../../../../../../..$PWD/outside/file base/file
      ln -s "$PWD/outside" base/etc; ln -s "$PWD/outside/file" base/.singularity.d/runscript
      printf 'Bootstrap: localimage\\nFrom: base\\n%%files\\n new /out/new\\n new /out/../../../up\\n%%runscript\\n echo\\n' > link.def
      build link.sif link.def 2> errors || true
      [ "$(ls outside)" = file ]; [ "$(cat outside/file)" = keep ]
      """)
  }

  @Test func targetsAreKeptAndReplaced() throws {
    let answer = try shell(
      """
      printf 'Bootstrap: scratch\\n' > a.def; echo old > there.sif; mkdir -p dir/x
      for arguments in 'there.sif a.def' '--sandbox dir a.def' '-F --sandbox dir a.def' 'dir a.def' '-u --sandbox none a.def'; do
        code=0; build $arguments || code=$?; echo "$code"
      done
      [ "$(cat there.sif)" = old ]; [ "$(ls dir)" = x ]
      build -F there.sif a.def; siftool check -q there.sif > log
      build a.sif a.def & build -F a.sif a.def & wait; siftool check -q a.sif > log
      build -s box a.def; touch box/mark; build -s -u box a.def; [ -e box/mark ]; build -s -F box a.def; [ ! -e box/mark ]
      ls -A | grep -c siftool-build || true
      """
    ).text
    #expect(answer == "1\n1\n1\n1\n1\n0\n")
  }

  @Test func unchangedBuildsComeFromTheCache() throws {
    let answer = try shell(
      """
      echo 1 > f; printf 'Bootstrap: scratch\\n%%files\\n f /f\\n' > a.def
      build a.sif a.def; build b.sif a.def; cmp a.sif b.sif; siftool cache list -T build | cut -d, -f1
      build --no-cache c.sif a.def; ! cmp -s a.sif c.sif
      echo 2 > f; build d.sif a.def; siftool cat d.sif /f; siftool cache list -T build | cut -d, -f1
      siftool cache clean -q; siftool cache list -T build | cut -d, -f1
      """
    ).text
    #expect(answer == "1 entry\n2\n2 entries\n0 entries\n")
  }

  @Test func checkSaysEverything() throws {
    let answer = try shell(
      """
      printf 'Bootstrap: Docker\\nFrom: x\\n%%files one\\n a b c\\n%%nothing\\n%%post\\n {{ X }}\\n' > bad.def
      printf 'Bootstrap: scratch\\n' > good.def
      code=0; build --build-arg A=b x.sif good.def || code=$?; build --warn-unused-build-args --build-arg A=b x.sif good.def
      [ "$code" = 64 ]; code=0; siftool build --check bad.def || code=$?; echo "$code"
      code=0; siftool build --check --json bad.def | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["findings"]))' || code=$?
      """
    ).text
    for text in [
      "bad.def:1: warning: the agent is written", "bad.def:3: warning: %files takes",
      "bad.def:4: warning: what follows",
      "bad.def:5: error: there is no section %nothing", "bad.def:7: error: the template {{ X }}", "\n5\n",
    ] {
      #expect(answer.contains(text), "\(text): \(answer)")
    }
  }
}
