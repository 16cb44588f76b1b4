import TestSupport
import Testing

/// The variables of programs in images with different shells, or none (spec/runtime.md "The environment").
@Suite struct EnvironmentTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  private func make(_ images: String) throws {
    try Shell.check("\(Fixture.script("environment-images.sh")) \(images)", in: directory)
  }

  /// The same script as nobody and as root.
  private func both(_ script: String) throws -> [(user: String, answer: ToolAnswer)] {
    let variables = "unset LANG LC_ALL OLDPWD; \(script)"
    return [
      ("nobody", try OrdinaryUser.run(variables, in: directory)),
      ("root", try Shell.run(variables, in: directory)),
    ]
  }

  /// Expects standard output, with the working directory as D.
  private func expect(_ script: String, _ output: String, errors: [String] = []) throws {
    for (user, answer) in try both(script) {
      #expect(
        answer.text.replacing(directory.path, with: "D") == output, "\(user): \(answer.text) \(answer.errors)"
      )
      for error in errors {
        #expect(answer.errors.contains(error), "\(user): \(answer.errors)")
      }
      if errors.isEmpty { #expect(answer.errors.isEmpty, "\(user): \(answer.errors)") }
    }
  }

  /// A function of the shell that prints variables of a program by name, or that they are missing.
  private static let show = """
    show() { image=$1; names=$2; shift 2; siftool exec "$@" $image env > work/out.$$ || echo "status $?"
      for name in $names; do grep -A1 "^$name=" work/out.$$ | sed 's/ *$//' | grep -E "^($name=|l2)" || echo "no $name"; done; rm work/out.$$; }

    """

  @Test(arguments: ["busybox", "dash", "none"]) func theImageWins(image: String) throws {
    try make("\(image)")
    let options = image == "busybox" ? "--pid" : ""
    // What only a shell can read is missing without one, and nothing else.
    let errors =
      image == "none"
      ? ["91-more.sh, line 1: the image has no shell"] : image == "dash" ? ["nothing-of-the-kind"] : []
    try expect(
      """
      \(Self.show)
      export JAVA_HOME=host QUOTES=host PYTHONPATH=/host LC_NAME=host GIVEN=host EMPTIED=host FOUND=host inner=host PART=host
      show \(image).sif 'JAVA_HOME QUOTES LINES_OF PYTHONPATH LC_NAME FOUND GIVEN EMPTIED MORE inner PART PATH' \(options)
      """,
      """
      JAVA_HOME=/usr/lib/jvm
      QUOTES=say "hi" and 'ho'
      LINES_OF=l1
      l2 $HOME `id`
      PYTHONPATH=/app:
      LC_NAME=C.UTF-8
      FOUND=yes
      GIVEN=host
      no EMPTIED
      MORE= from a file
      no inner
      PART=host
      PATH=/app/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin

      """, errors: errors)
  }

  /// Scripts of a shell's words beyond ours go to the image's shell, and everything that they set is there.
  @Test(arguments: ["dash", "bash"]) func scriptsForAShell(image: String) throws {
    try make("\(image)")
    try expect(
      """
      \(Self.show)
      show \(image).sif 'BEFORE A B C LIST ARITHMETIC TEXT FOUND BOTH ARRAY UID' \
        --env UID=1000 2> work/errors; grep -c 'line 6\\|6:' work/errors; grep -v 91-more.sh work/errors; rm work/errors
      """,
      """
      BEFORE=not-exported
      A=out
      B=back
      C=called with a back
      no LIST
      ARITHMETIC=3
      TEXT=it's
      \(image == "bash" ? "no FOUND\nBOTH=b" : "FOUND=yes\nno BOTH")
      no ARRAY
      UID=1000
      1

      """)
  }

  /// A script that is wrong is named, and ends nothing.
  @Test func wrongScripts() throws {
    try make("broken")
    try expect(
      "\(Self.show) show broken.sif 'A X Y Z LAST'; siftool run broken.sif echo fine; siftool exec -C broken.sif echo fine",
      "no A\nno X\nY=one\nno Z\nLAST=1\nfine\nfine\n",
      errors: [
        "siftool: /.singularity.d/env/91-more.sh, line 2: a quote is not closed", "92-more.sh: Syntax error",
        "siftool: /.singularity.d/env/92-more.sh: the image's shell has stopped",
      ])
  }

  /// A script that ends everything does, with its status.
  @Test func scriptsThatEnd() throws {
    try make("ends ends-in-shell busybox")
    try expect(
      """
      for image in ends ends-in-shell; do for options in '' --pid; do
        siftool exec $options $image.sif echo never; echo $?; done; done
      siftool run ends.sif; echo $?; siftool exec --app none busybox.sif true; echo $?
      """,
      """
      written
      5
      written
      5
      written by a shell
      6
      written by a shell
      6
      written
      5
      no app none
      3

      """)
  }

  /// A script that waits is interrupted with everything that it started.
  @Test(arguments: ["", "--pid"]) func interrupted(options: String) throws {
    try make("slow")
    let answer = try OrdinaryUser.run(
      """
      waiting() { for p in $(pgrep -x sleep); do grep -qs "$PWD/slow.sif" /proc/$p/environ && echo $p; done; }
      siftool exec \(options) slow.sif true & siftool=$!
      until [ -n "$(waiting)" ]; do sleep 0.05; done; kill -TERM $siftool; wait $siftool; echo $?
      for i in $(seq 100); do [ -n "$(waiting)" ] || break; sleep 0.1; done; waiting | wc -l
      """, in: directory)
    #expect(answer.text == "143\n0\n", "\(answer.text) \(answer.errors)")
  }

  /// What the caller asks for wins over the image, and values are evaluated once, without running anything.
  @Test(arguments: ["busybox", "none"]) func theCallerWins(image: String) throws {
    try make("\(image)")
    try expect(
      """
      \(Self.show)
      exec 2> work/errors.$$
      printf 'JAVA_HOME=file\\nONE=$PART/1\\n' > work/first; printf 'ONE=second\\nTWO='"'"'$HOME'"'"'\\n' > work/second
      export PART=part; chmod 644 work/first work/second
      show \(image).sif 'JAVA_HOME ONE TWO' --env-file work/first --env-file work/second
      show \(image).sif 'JAVA_HOME ONE' --env-file work/first --env JAVA_HOME=option
      APPTAINERENV_JAVA_HOME=prefix SINGULARITYENV_QUOTES=other show \(image).sif 'JAVA_HOME QUOTES'
      show \(image).sif 'A B C D E' --env 'A=$JAVA_HOME' --env 'B=${PART}:${NONE:-x}' --env 'C=$(id) `id` $PART' \
        --env 'D=say "hi" \\$x \\n' --env E=
      show \(image).sif 'A B' --no-eval --env 'A=$JAVA_HOME \\$x' --env B=b
      APPTAINERENV_A='$JAVA_HOME' show \(image).sif 'A APPTAINER_NO_EVAL' --no-eval
      (show \(image).sif HOME --env HOME=/other; SINGULARITYENV_HOME=/x show \(image).sif HOME) | sed "s|$HOME|HOMEDIR|"
      show \(image).sif 'LD_LIBRARY_PATH' --env LD_LIBRARY_PATH=/z; show \(image).sif 'LD_LIBRARY_PATH'
      APPTAINERENV_PREPEND_LD_LIBRARY_PATH=/a SINGULARITYENV_APPEND_LD_LIBRARY_PATH=/b show \(image).sif LD_LIBRARY_PATH
      show \(image).sif PATH --env 'PATH=$PATH:/x'; siftool exec --env PATH=/nothing \(image).sif env; echo $?
      show \(image).sif 'PART OTHER' --no-env PART,OTHER; grep -v 91-more.sh work/errors.$$; rm work/errors.$$
      """,
      """
      JAVA_HOME=file
      ONE=second
      TWO=$HOME
      JAVA_HOME=option
      ONE=part/1
      JAVA_HOME=prefix
      QUOTES=other
      A=/usr/lib/jvm
      B=part:x
      C=$(id) `id` $PART
      D=say "hi" $x \\n
      E=
      A=$JAVA_HOME \\$x
      B=b
      A=$JAVA_HOME
      APPTAINER_NO_EVAL=1
      HOME=HOMEDIR
      HOME=HOMEDIR
      LD_LIBRARY_PATH=/z:/.singularity.d/libs
      LD_LIBRARY_PATH=/.singularity.d/libs
      LD_LIBRARY_PATH=/a:/.singularity.d/libs:/b
      PATH=/app/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/x
      127
      no PART
      no OTHER
      siftool: HOME is not changed by a variable: it is the home directory in the container
      siftool: HOME is not changed by a variable: it is the home directory in the container
      siftool: env is not in the image's PATH

      """)
  }

  /// Of the host, the container gets what is about people and programs, and nothing about this container.
  @Test(arguments: ["", "--pid"]) func theHost(options: String) throws {
    try make("busybox dash none")
    try expect(
      """
      \(Self.show)
      export http_proxy=p NO_PROXY=q TERM=dumb LANG=de_DE LC_TIME=de_DE MINE=1 APPTAINER_FOO=1 SINGULARITY_FOO=1 \
        SIFTOOL_FOO=1 PS1=host LD_PRELOAD= BASH_ENV=/x ENV=/x
      names='http_proxy NO_PROXY TERM LANG LC_TIME MINE APPTAINER_FOO SINGULARITY_FOO SIFTOOL_FOO PS1 LD_PRELOAD BASH_ENV ENV'
      show busybox.sif "$names" \(options); echo; show busybox.sif "$names" -e \(options); echo; show none.sif "$names" -C 2> work/e.$$
      rm work/e.$$; env 'BASH_FUNC_x%%=() { :; }' a.dot=1 siftool exec \(options) dash.sif env 2> /dev/null | grep -E '^(BASH_FUNC|a\\.dot)'
      """,
      """
      http_proxy=p
      NO_PROXY=q
      TERM=dumb
      LANG=de_DE
      LC_TIME=de_DE
      MINE=1
      no APPTAINER_FOO
      no SINGULARITY_FOO
      no SIFTOOL_FOO
      PS1=siftool>
      no LD_PRELOAD
      no BASH_ENV
      no ENV

      \(String(repeating: """
      http_proxy=p
      NO_PROXY=q
      TERM=dumb
      LANG=C
      no LC_TIME
      no MINE
      no APPTAINER_FOO
      no SINGULARITY_FOO
      no SIFTOOL_FOO
      PS1=siftool>
      no LD_PRELOAD
      no BASH_ENV
      no ENV

      """, count: 2).replacing("no ENV\nhttp", with: "no ENV\n\nhttp"))a.dot=1

      """)
  }

  /// What the runtimes tell a program about its container.
  @Test func theContainer() throws {
    try make("busybox")
    try expect(
      """
      \(Self.show)
      export PATH=$PATH USER_PATH=host PROMPT_COMMAND=mine; before=$PATH
      show busybox.sif 'APPTAINER_NAME SINGULARITY_CONTAINER APPTAINER_COMMAND APPTAINER_APPNAME SINGULARITY_APPNAME \
        APPTAINER_BIND SINGULARITY_BIND APPTAINER_ENVIRONMENT SINGULARITY_ENVIRONMENT PROMPT_COMMAND PWD' -B work:/w,work:/v:ro
      siftool exec busybox.sif sh -c '[ "$USER_PATH" = "$0:/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin:/usr/local/sbin" ] && echo same' "$before"
      unset PROMPT_COMMAND; show busybox.sif 'PROMPT_COMMAND PS1' --env 'PS1=\\w "$ '
      echo 'echo $APPTAINER_COMMAND $PS1' | siftool shell busybox.sif; siftool run busybox.sif sh -c 'echo $APPTAINER_COMMAND'
      show busybox.sif 'APPTAINER_APPNAME SINGULARITY_APPNAME OF_APP PATH' --app one
      """,
      """
      APPTAINER_NAME=busybox.sif
      SINGULARITY_CONTAINER=D/busybox.sif
      APPTAINER_COMMAND=exec
      APPTAINER_APPNAME=
      no SINGULARITY_APPNAME
      APPTAINER_BIND=/w,/v
      SINGULARITY_BIND=/w,/v
      APPTAINER_ENVIRONMENT=/.singularity.d/env/91-environment.sh
      SINGULARITY_ENVIRONMENT=/.singularity.d/env/91-environment.sh
      PROMPT_COMMAND=mine; PROMPT_COMMAND="${PROMPT_COMMAND%%; PROMPT_COMMAND=*}"; PS1="siftool> "
      PWD=D
      same
      PROMPT_COMMAND=PS1="\\\\w \\"\\$ "; unset PROMPT_COMMAND
      PS1=\\w "$
      shell siftool>
      run
      APPTAINER_APPNAME=one
      SINGULARITY_APPNAME=one
      OF_APP=variable of the app
      PATH=/scif/apps/one/bin:/app/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin

      """)
  }

  /// Nothing of the scripts is in a command line that everybody can read.
  @Test func commandLines() throws {
    try make("busybox")
    // This applet of busybox needs no execve(2) of its shell, so that the shell's command line stays.
    try expect(
      """
      for options in --pid -C; do siftool exec $options busybox.sif ps -o args | grep -c 'singularity.d\\|SIFTOOL_\\|export'; done
      """, "0\n0\n")
  }

  /// Binds that variables ask for come to those of the options.
  @Test func bindsOfVariables() throws {
    try make("busybox none")
    try expect(
      """
      echo x > work/file; chmod 644 work/file; d=$PWD/work
      SINGULARITY_BIND=$d:/one, APPTAINER_BINDPATH=,$d:/two:ro siftool exec -B $d:/three busybox.sif \
        sh -c 'cat /one/file /two/file /three/file; echo $APPTAINER_BIND'
      SINGULARITY_BINDPATH=$d:/one APPTAINER_BIND=, siftool run busybox.sif cat /one/file
      APPTAINER_BIND=a:b siftool exec none.sif true; echo $?
      """, "x\nx\nx\n/one,/two,/three\nx\n64\n",
      errors: ["siftool: the variable APPTAINER_BIND: a bind's target"])
  }

  @Test func rootHasItsName() throws {
    try make("busybox dash")
    let answer = try Shell.run(
      "unshare -m sh -c 'mount --bind /dev/null /etc/passwd; mount --bind /dev/null /etc/nsswitch.conf; siftool exec busybox.sif id -un; siftool exec --userns dash.sif id -un'",
      in: directory)
    #expect(answer.text == "root\nroot\n", "\(answer.errors)")
  }
}
