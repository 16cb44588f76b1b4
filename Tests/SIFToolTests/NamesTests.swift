import TestSupport
import Testing

/// The tool by the names of the runtimes (spec/names.md).
@Suite struct NamesTests {
  private let fixture: ExecFixture
  private static let names =
    "for n in singularity apptainer run-singularity; do [ -e $n ] || ln -s siftool $n; done; "

  init() throws { fixture = try ExecFixture() }

  /// Runs a script as nobody, with the three names in the path.
  private func run(_ script: String) throws -> ToolAnswer {
    _ = try fixture.ordinary("true")
    try Shell.check(Self.names, in: fixture.directory)
    return try fixture.ordinary(
      "export LC_ALL=C APPTAINER_CONFIGDIR=$PWD/work SINGULARITY_CONFIGDIR=$PWD/work; \(script)")
  }

  /// The lines that programs take apart to know the version.
  @Test func version() throws {
    let answer = try run(
      "apptainer --version; singularity --version; apptainer version; ln -s $PWD/apptainer work/other; work/other --version; bash -c 'exec -a /x/singularity siftool version'; cp siftool work/apptainer; work/apptainer version"
    )
    let lines = answer.text.split(separator: "\n").map(String.init)
    try #require(lines.count == 6, "\(answer.text) \(answer.errors)")
    #expect(lines[0].hasPrefix("apptainer version 1.4.5+siftool."))
    #expect(lines[1].hasPrefix("singularity-ce version 4.3.3+siftool."))
    #expect(lines[0] == "apptainer version \(lines[2])")
    // A link by another name is siftool, whatever it leads to.
    #expect(!lines[3].contains("version"))
    #expect(lines[1] == "singularity-ce version \(lines[4])")
    #expect(lines[5] == lines[2])
    #expect(answer.errors.isEmpty)
  }

  /// A wrong command line: its fault on standard error, the usage on standard output, and 1.
  @Test(arguments: [
    ("exec", #"Error for command "exec": requires at least 2 arg(s), only received 0"#),
    ("exec plain.sif", #"Error for command "exec": requires at least 2 arg(s), only received 1"#),
    ("run", #"Error for command "run": requires at least 1 arg(s), only received 0"#),
    ("inspect", #"Error for command "inspect": accepts 1 arg(s), received 0"#),
    ("build x.sif", #"Error for command "build": accepts 2 arg(s), received 1"#),
    ("exec --nosuch plain.sif true", #"Error for command "exec": unknown flag: --nosuch"#),
    ("exec -Z plain.sif true", #"Error for command "exec": unknown shorthand flag: 'Z' in -Z"#),
    ("exec -cZ plain.sif true", #"Error for command "exec": unknown shorthand flag: 'Z' in -cZ"#),
    ("exec --bind", #"Error for command "exec": flag needs an argument: --bind"#),
    ("exec -B", #"Error for command "exec": flag needs an argument: 'B' in -B"#),
    ("exec --contain=maybe plain.sif true", #"Error for command "exec": invalid argument "maybe" for"#),
    ("exce", #"Error: unknown command "exce" for "apptainer""#),
    ("--nosuch exec plain.sif true", #"Error for command "apptainer": unknown flag: --nosuch"#),
    ("instance", #"Error for command "instance": invalid command"#),
    ("instance nosuch", #"Error for command "instance": invalid command"#),
    ("instance stop", #"Error for command "stop": name an instance, or give --all"#),
    ("instance stop nosuch", #"Error for command "stop": no instance found"#),
    ("sif list nosuch.sif", #"Error for command "list": cannot open nosuch.sif: No such file or directory"#),
    ("", #"Error for command "apptainer": invalid command"#),
  ])
  func wrongCommandLines(line: String, sentence: String) throws {
    let answer = try run("apptainer \(line)")
    #expect(answer.status == 1, "\(answer.errors)")
    #expect(answer.errors.hasPrefix(sentence), "\(answer.errors)")
  }

  /// Everything else that fails before a program starts: a line that begins with the level, and 255.
  @Test(arguments: [
    ("exec plain.sif nosuch", #"FATAL:   "nosuch": executable file not found in $PATH"#),
    (
      "exec nosuch.sif true",
      "FATAL:   could not open image PWD/nosuch.sif: failed to retrieve path for PWD/nosuch.sif: lstat PWD/nosuch.sif: no such file or directory"
    ),
    ("exec runscript true", "FATAL:   runscript: not a SIF image"),
    ("exec instance://nosuch true", "FATAL:   no instance found with name nosuch"),
    ("exec nosuch://x/y true", "FATAL:   Unsupported transport type: nosuch"),
    ("pull nosuch://x/y", "FATAL:   Unsupported transport type: nosuch"),
    ("exec --oci plain.sif true", "FATAL:   --oci: it belongs to the OCI mode"),
    (
      "oci run x",
      "FATAL:   apptainer oci is not there: the low-level OCI commands are those of crun and runc"
    ),
    ("config global --get x", "FATAL:   apptainer config global is not there"),
    (
      "verify plain.sif",
      "INFO:    Verifying image with PGP key material\nFATAL:   Failed to verify container: integrity: signature not found for object group 1"
    ),
    ("instance start plain.sif a/b", "FATAL:   a/b is not a valid instance name"),
    ("build x.sif nosuch.def", "FATAL:   While performing build: "),
    ("-c x exec plain.sif true", "Error for command"),
  ])
  func failures(line: String, sentence: String) throws {
    let answer = try run("apptainer \(line)")
    #expect(answer.status == (sentence.hasPrefix("Error") ? 1 : 255), "\(answer.errors)")
    let expected = sentence.replacing("PWD", with: fixture.directory.path)
    #expect(answer.errors.hasPrefix(expected), "\(answer.errors)")
  }

  /// Programs run as by siftool, with their own codes and signals.
  @Test func programs() throws {
    let answer = try run(
      """
      apptainer exec plain.sif sh -c 'exit 37'; echo $?
      apptainer exec --contain=true --pid=false -e -B work:/mnt -B=work:/media plain.sif sh -c 'ls -d /mnt /media'; echo $?
      singularity -q exec --pwd=/bin plain.sif pwd
      singularity exec plain.sif sh -c 'kill -9 $$'; echo $?
      apptainer exec --bind= plain.sif echo empty
      apptainer exec plain.sif sh -c 'echo "$@"' - --nosuch -Z
      run-singularity app.sif a b
      PATH=$PWD:$PATH ./app.sif c
      SINGULARITY_BIND=work:/mnt singularity exec plain.sif ls -d /mnt
      APPTAINER_CONTAIN=1 apptainer exec plain.sif sh -c 'ls /dev | grep -c sda || true' > /dev/null; echo $?
      """)
    #expect(
      answer.text == """
        37
        /media
        /mnt
        0
        /bin
        137
        empty
        --nosuch -Z
        run: the image a b
        run: the image c
        /mnt
        0

        """, "\(answer.text) \(answer.errors)")
  }

  /// Levels, by option and by variable, and colours only where a person sees them.
  @Test func levels() throws {
    let answer = try run(
      """
      i() { "$@" instance start plain.sif level 2>&1 | grep started; "$@" instance stop level 2>&1 | grep -c Stopping; }
      i apptainer; i apptainer --quiet; i apptainer -s; i env APPTAINER_MESSAGELEVEL=-1 apptainer; i env SINGULARITY_SILENT=true singularity
      script -qec "apptainer exec plain.sif nosuch" /dev/null < /dev/null | od -c | grep -c '033   \\[   3   1   m'
      script -qec "apptainer --nocolor exec plain.sif nosuch" /dev/null < /dev/null | od -c | grep -c 033
      NO_COLOR=1 script -qec "apptainer exec plain.sif nosuch" /dev/null < /dev/null | od -c | grep -c 033
      """)
    #expect(
      answer.text == "INFO:    instance started successfully\n1\n0\n0\n0\n0\n1\n0\n0\n",
      "\(answer.text) \(answer.errors)")
  }

  @Test func instances() throws {
    let answer = try run(
      """
      apptainer instance start plain.sif one 2>&1 | grep started; apptainer instance.start plain.sif one 2>&1; echo $?
      apptainer instance list | tr -s ' ' | sed 's/[0-9][0-9]*/N/'; apptainer instance list --json | grep -c '"instance": "one"'
      apptainer exec instance://one echo inside; apptainer instance.stop one 2>&1 | sed 's/=.*/=N)/'; apptainer instance list
      """)
    #expect(
      answer.text == """
        INFO:    instance started successfully
        FATAL:   instance one already exists
        255
        INSTANCE NAME PID IP IMAGE
        one N \(fixture.directory.path)/plain.sif
        1
        inside
        INFO:    Stopping one instance of \(fixture.directory.path)/plain.sif (PID=N)
        INSTANCE NAME    PID    IP    IMAGE

        """, "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// Keys, signatures and what `verify` prints. The other runtime's name sees none of it.
  @Test func signatures() throws {
    let answer = try run(
      """
      unset APPTAINER_CONFIGDIR SINGULARITY_CONFIGDIR; export HOME=$PWD/work; cp app.sif work/s.sif; cd work
      apptainer key newpair --name Somebody -E x@example.com -C '' -P '' > key; apptainer key list | tail -n +3 | sed 's/:  *[0-9A-F].*/: x/'
      apptainer sign -k 0 s.sif; echo $?; apptainer verify s.sif | sed "s/$(cat key)/KEY/"; apptainer verify --json s.sif | grep -c '"DataCheck": true'
      singularity verify s.sif > /dev/null; echo $?; ls -d .apptainer .singularity 2> /dev/null
      dd if=/dev/zero of=s.sif bs=1 seek=40000 count=8 conv=notrunc 2> /dev/null; apptainer -q verify s.sif > /dev/null; echo $?
      """)
    #expect(
      answer.text == """
        0)  User:              Somebody <x@example.com>
            Creation time: x
            Fingerprint: x
            Length (in bits): x


        0
        [LOCAL]            Signing entity: Somebody <x@example.com>
        [LOCAL]            Fingerprint: KEY
        Objects verified:
        ID  |GROUP   |LINK    |TYPE
        ------------------------------------------------
        1   |1       |NONE    |FS
        1
        255
        .apptainer
        255

        """, "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("INFO:    Signature created and applied to image 's.sif'\n"))
    #expect(answer.errors.contains("openpgp: signature made by unknown entity\n"))
    #expect(
      answer.errors.hasSuffix(
        "FATAL:   Failed to verify container: integrity: data object integrity compromised: 1\n"))
  }

  /// Texts and JSON of `inspect`, of an image and of a directory with the same files.
  @Test func inspection() throws {
    try Shell.check(
      """
      mkdir -p box/.singularity.d/env box/scif/apps/foo/scif box/bin; cd box/.singularity.d
      printf '{"b": "2<", "a": "1"}' > labels.json; printf '#!/bin/sh\\n\\necho run\\n\\n' > runscript; echo help > runscript.help
      echo 'export A=b' > env/90-environment.sh; echo '{"SCIF_APP_NAME": "foo"}' > ../scif/apps/foo/scif/labels.json
      cd ../..; siftool pack box box.sqfs --plain --arch amd64; mkdir empty
      """, in: fixture.directory)
    for image in ["box", "box.sqfs"] {
      let answer = try run(
        "apptainer inspect \(image); apptainer inspect -r -H -e -l \(image); apptainer inspect --list-apps \(image); apptainer apps \(image); apptainer inspect --json -l \(image); apptainer inspect --app foo \(image); apptainer inspect --app none \(image); echo $?; apptainer inspect empty"
      )
      #expect(
        answer.text == """
          a: 1
          b: 2<
          #!/bin/sh

          echo run
          help
          === /.singularity.d/env/90-environment.sh ===
          export A=b

          a: 1
          b: 2<
          foo
          foo
          {
          \t"data": {
          \t\t"attributes": {
          \t\t\t"labels": {
          \t\t\t\t"a": "1",
          \t\t\t\t"b": "2\\u003c"
          \t\t\t}
          \t\t}
          \t},
          \t"type": "container"
          }
          SCIF_APP_NAME: foo
          0

          """, "\(image): \(answer.text) \(answer.errors)")
    }
  }

  /// Help, completion, and what programs look for in them.
  @Test func help() throws {
    let answer = try run(
      """
      for w in --silent --quiet; do apptainer --help | tr ' ,' '\\n\\n' | grep -cx -e $w; done
      apptainer exec --help | tr ' ,' '\\n\\n' | grep -cx -e --fakeroot; apptainer help exec | head -n 1; singularity buildcfg | grep CONFDIR=
      apptainer selftest; echo $?; apptainer completion bash > work/c; bash -c '. work/c; COMP_WORDS=(apptainer ins); COMP_CWORD=1; _apptainer; echo ${COMPREPLY[*]}
      COMP_WORDS=(apptainer exec --fake); COMP_CWORD=2; _apptainer; echo ${COMPREPLY[*]}'; apptainer --help > /dev/full; echo $?
      """)
    #expect(
      answer.text == """
        1
        1
        1
        Run a program of an image.
        SINGULARITY_CONFDIR=/etc/singularity
        0
        inspect instance
        --fakeroot
        255

        """, "\(answer.text) \(answer.errors)")
  }

  /// Every command and option of the tables, by the runtimes' grammar.
  @Test func tables() throws {
    let text = String(decoding: try Tool.read("\(Fixture.root)/spec/names.md"), as: UTF8.self)
    let section = try #require(text.components(between: "\n## Commands\n", and: "\n## "))
    var script = ""
    var expected = ""
    for row in section.split(separator: "\n").filter({ $0.hasPrefix("| `") }) {
      let cells = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      let verbs = cells[1].split(separator: "`").enumerated().filter { $0.offset % 2 == 1 }.map {
        String($0.element)
      }
      let options = cells[2].split(whereSeparator: { " `".contains($0) }).filter { $0.hasPrefix("--") }
      for verb in verbs where !["help", "completion"].contains(verb) {
        let refused = cells[3].contains("refused")
        script += "apptainer help \(verb) > text 2> errors; echo \"\(verb) $?\"; "
        expected += "\(verb) 0\n"
        for option in options {
          script += "grep -qw -e '\(option)' text && echo 1; "
          expected += "1\n"
        }
        if refused {
          script += "apptainer \(verb) 2> errors; echo $?; grep -c 'is not there: ' errors; "
          expected += "255\n1\n"
        }
      }
    }
    let answer = try run("cd work; \(script)")
    #expect(answer.text == expected, "\(answer.errors)")
  }

  /// Many starts at once.
  @Test func manyStarts() throws {
    let answer = try run(
      "for i in $(seq 200); do apptainer exec plain.sif echo x & done | sort | uniq -c | tr -d ' '; wait")
    #expect(answer.text == "200x\n", "\(answer.text) \(answer.errors.prefix(500))")
    #expect(try fixture.leftovers() == "\n")
  }
}
