import TestSupport
import Testing

/// What `run`, `test` and `run-help` start and show (spec/runtime.md "The program").
@Suite struct RunscriptTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  private func make(_ images: String) throws {
    try Shell.check("\(Fixture.script("environment-images.sh")) \(images)", in: directory)
  }

  private func expect(_ script: String, _ output: String, errors: [String] = []) throws {
    for (user, answer) in [
      ("nobody", try OrdinaryUser.run(script, in: directory)), ("root", try Shell.run(script, in: directory)),
    ] {
      #expect(
        answer.text.replacing(directory.path, with: "D") == output, "\(user): \(answer.text) \(answer.errors)"
      )
      for error in errors { #expect(answer.errors.contains(error), "\(user): \(answer.errors)") }
    }
  }

  /// An image from Docker without a shell: its entry point, and its default arguments or others.
  @Test func entryPoint() throws {
    try make("none")
    try expect(
      """
      siftool run none.sif; siftool run none.sif 'a  b' '$HOME' "it's"; siftool run --no-eval --pid none.sif -x
      siftool exec none.sif echo fine; siftool shell none.sif; echo $?
      """,
      """
      the entry point's "$0" c 1 $c2
      the entry point's "$0" a  b $HOME it's
      the entry point's "$0" -x
      fine
      127

      """, errors: ["the image has no shell, neither /bin/bash nor /bin/sh"])
  }

  @Test func entryPointsOfAllKinds() throws {
    try make("")
    try Shell.check(
      """
      fast="--arch amd64 --compression gzip --level 1 --quiet"
      for kind in entry command nothing; do cp -r none.root $kind.root; done
      sed -i "s/^OCI_CMD=.*/OCI_CMD=''/" entry.root/.singularity.d/runscript nothing.root/.singularity.d/runscript
      sed -i "s/^OCI_ENTRYPOINT=.*/OCI_ENTRYPOINT=''/" command.root/.singularity.d/runscript nothing.root/.singularity.d/runscript
      sed -i "s/^OCI_CMD='/&\\"echo\\" /" command.root/.singularity.d/runscript
      for kind in entry command nothing; do siftool pack $kind.root $kind.sif $fast; done
      """, in: directory)
    try expect(
      """
      for kind in entry command nothing; do siftool run $kind.sif; echo $?; siftool run $kind.sif echo x; done
      """,
      """
      the entry point's "$0"
      0
      the entry point's "$0" echo x
      c 1 $c2
      0
      x
      127
      x

      """, errors: ["the image names no program to run"])
  }

  /// Without a runscript, the arguments are the program; without those, there is a shell.
  @Test func withoutRunscript() throws {
    try make("busybox")
    try Shell.check(
      """
      fast="--arch amd64 --compression gzip --level 1 --quiet"
      siftool pack busybox.root plain.sif --plain $fast
      mkdir old.root; cp -r busybox.root/bin old.root; printf '#!/bin/sh\\necho "old: $SET" "$@"\\n' > old.root/singularity
      echo 'export SET="by $(echo the old file)"' > old.root/environment; chmod 755 old.root/singularity
      siftool pack old.root old.sif --plain $fast
      cp -r none.root bare.root; rm bare.root/.singularity.d/runscript; siftool pack bare.root bare.sif --plain $fast
      """, in: directory)
    try expect(
      """
      siftool run plain.sif echo 'a  b'; echo 'echo in the shell' | siftool run plain.sif; siftool run old.sif 1 2
      siftool run busybox.sif echo packed; echo 'echo in the packed shell' | siftool run busybox.sif
      siftool run bare.sif; echo $?; siftool run bare.sif echo bare
      """,
      """
      a  b
      in the shell
      old: by the old file 1 2
      packed
      in the packed shell
      127
      bare

      """,
      errors: [
        "siftool: the image has no runscript: its arguments are the program\n",
        "siftool: the image has no runscript: this is its shell\n",
        "siftool: the image has no runscript and no shell",
      ])
  }

  @Test func apps() throws {
    try make("busybox dash")
    try expect(
      """
      siftool run --app one busybox.sif a 'b c'; siftool exec --app one dash.sif sh -c 'echo $OF_APP' 2> /dev/null
      siftool run --app two busybox.sif; echo $?; siftool test --app one busybox.sif x; echo $?
      siftool run-help --app one busybox.sif; siftool run-help --app two busybox.sif; echo $?
      siftool run --app a/b busybox.sif; echo $?; siftool run-help --app .. busybox.sif; echo $?
      """,
      """
      app: variable of the app a b c
      variable of the app
      no app two
      3
      test of the app x
      4
      Help of the app.
      0
      64
      64

      """, errors: ["siftool: the app two has no help\n", "siftool: --app takes the name of an app"])
  }

  @Test func testAndHelp() throws {
    try make("dash")
    try Shell.check(
      """
      fast="--arch amd64 --compression gzip --level 1 --quiet"
      printf '#!/bin/sh\\necho "test:" "$@"; exit 9\\n' > busybox.root/.singularity.d/test; chmod 755 busybox.root/.singularity.d/test
      printf 'Line one.\\n\\033[31mred\\n' > busybox.root/.singularity.d/runscript.help
      siftool pack busybox.root tested.sif $fast
      """, in: directory)
    try expect(
      """
      siftool test tested.sif 1 '2  3'; echo $?; siftool test --pid tested.sif; echo $?; siftool test dash.sif 2> work/e.$$; echo $?
      grep -v more.sh work/e.$$; rm work/e.$$; siftool run-help tested.sif; siftool run-help dash.sif; echo $?
      """,
      """
      test: 1 2  3
      9
      test:
      9
      0
      siftool: the image has no test
      Line one.
      \\x1b[31mred
      0

      """, errors: ["siftool: the image has no help\n"])
  }

  /// A script has its full name, and one whose first line names no interpreter is given to sh.
  @Test(arguments: ["busybox", "dash"]) func scripts(image: String) throws {
    try make("\(image)")
    try expect(
      """
      mkdir -p work/$$; cd work/$$; printf '#!/bin/sh\\necho "$0|$1"\\n' > named; printf '\\n#!/bin/nothing\\necho "text $0|$1"\\n' > text
      chmod 755 named text; image=../../\(image).sif
      for program in ./named ./text $PWD/named; do siftool exec $image $program a 2> /dev/null | sed "s|$PWD|W|"; done
      siftool exec --env PATH=.:/bin $image named b 2> /dev/null | sed "s|$PWD|W|"
      siftool exec $image ./missing 2>&1 | grep -v more.sh; cd ..; rm -r $$
      """,
      """
      W/named|a
      text W/text|a
      W/named|a
      W/named|b
      siftool: cannot run ./missing: No such file or directory

      """)
  }
}
