import StrictJSON
import TestSupport
import Testing

/// `instance` and `instance://NAME` on the real binary, as nobody and as root.
@Suite struct InstanceTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    let made = try fixture.root(
      """
      set -e; mkdir -p tree/bin tree/.singularity.d configuration host; chmod 777 configuration host
      cp /bin/busybox tree/bin/; for name in sh sleep cat id ps kill true env; do ln -s busybox tree/bin/$name; done
      printf '#!/bin/sh\\necho started "$@"; echo to the log >&2; exec sleep 300\\n' > tree/.singularity.d/startscript
      printf '#!/bin/sh\\ntrap "" INT; echo run "$@"; while :; do sleep 0.1; done\\n' > tree/.singularity.d/runscript
      chmod 755 tree/.singularity.d/*script; siftool pack tree service.sif --quiet; chmod 644 service.sif
      """)
    try #require(made.status == 0, "\(made.errors)")
  }

  private func both(_ script: String) throws -> [ToolAnswer] {
    let whole = "export APPTAINER_CONFIGDIR=$PWD/configuration/$(id -u); cd host; \(script)"
    return [try fixture.ordinary(whole), try fixture.root(whole)]
  }

  @Test func fromStartToStop() throws {
    for answer in try both(
      """
      siftool instance list; siftool instance start --pid-file pid-$(id -u) ../service.sif web a 'b c' 2> /dev/null; echo $?
      siftool instance list w* | sed 's/ [0-9]* /PID/; s/  */ /g'; siftool instance list x* | wc -l
      [ "$(cat pid-$(id -u))" = "$(siftool instance list | awk '/^web/ { print $2 }')" ] && echo same
      siftool exec instance://web sh -c 'id -u; ps -o pid,comm | sed -n 2p; echo $SINGULARITY_INSTANCE $APPTAINER_INSTANCE; exit 9'; echo $?
      cat $APPTAINER_CONFIGDIR/instances/logs/*/*/web.out $APPTAINER_CONFIGDIR/instances/logs/*/*/web.err
      siftool instance start ../service.sif web; echo $?; siftool instance stop web 2> /dev/null; echo $?
      siftool instance list | wc -l; siftool exec instance://web true; echo $?; find $APPTAINER_CONFIGDIR -name '*.json'
      siftool instance stop web; echo $?; siftool instance stop --all; echo $?
      """)
    {
      let lines = answer.text.split(separator: "\n").map { $0.drop(while: \.isWhitespace) }.map(String.init)
      #expect(lines.first == "INSTANCE NAME    PID    IP    IMAGE", "\(answer.text)")
      #expect(
        lines.count > 3 && lines[3].hasPrefix("web") && lines[3].hasSuffix("/service.sif"), "\(answer.text)")
      let rest = Array(lines.dropFirst(4)).filter { $0 != "65534" && $0 != "0" }
      #expect(
        rest == [
          "1", "same", "1 sinit", "web web", "9", "started a b c", "to the log", "1", "1", "1", "1", "1",
        ],
        "\(answer.text) \(answer.errors)")
      #expect(answer.errors.contains("already exists") && answer.errors.contains("no instance web runs"))
    }
    #expect(try fixture.leftovers() == "\n")
  }

  /// A program that ignores the signal is killed after the time; another signal, and force.
  @Test func waysToStop() throws {
    for answer in try both(
      """
      start() { siftool instance run ../service.sif $1 2> /dev/null; }; gone() { siftool instance list | grep -c "^$1"; }
      start slow; for i in $(seq 600); do grep -q run $APPTAINER_CONFIGDIR/instances/logs/*/*/slow.out && break; sleep 0.05; done; siftool instance stop --timeout 1 slow; gone slow; start term; siftool instance stop -s TERM term; gone term
      start force; siftool instance stop -F force; gone force; start a1; start a2; start b1; siftool instance stop 'a*' 2> /dev/null -t 0
      siftool instance list | awk 'NR > 1 { print $1 }'; siftool instance stop -a -t 0 2> /dev/null; siftool instance list | wc -l
      siftool instance stop -s NONE x; echo $?; siftool instance stop; echo $?; siftool instance stop -a x; echo $?
      """)
    {
      #expect(answer.text == "0\n0\n0\nb1\n1\n64\n64\n64\n", "\(answer.text) \(answer.errors)")
      #expect(answer.errors.contains("killing slow: it has not ended in time"), "\(answer.errors)")
    }
  }

  /// Nothing is left, whichever process is killed; and the name is free again.
  @Test func killedProcesses() throws {
    for answer in try both(
      """
      for victim in master first; do
        siftool instance start --pid-file p-$(id -u) ../service.sif victim 2> /dev/null; first=$(cat p-$(id -u)); rm p-$(id -u)
        master=$(awk '{ print $4 }' /proc/$first/stat); eval "kill -9 \\$$victim"
        for i in $(seq 100); do [ -d /proc/$first ] || [ -d /proc/$master ] || break; sleep 0.1; done
        siftool instance list | wc -l; siftool instance start ../service.sif victim 2> /dev/null; echo $?
        siftool instance stop victim 2> /dev/null; find $APPTAINER_CONFIGDIR/instances/siftool -name 'victim*'
      done
      """)
    { #expect(answer.text == "1\n0\n1\n0\n", "\(answer.text) \(answer.errors)") }
    #expect(try fixture.leftovers() == "\n")
  }

  @Test(arguments: ["../x", "a/b", "", ".", "..", "a b", "a\u{1}", "é", String(repeating: "a", count: 201)])
  func names(name: String) throws {
    try fixture.directory.write("name", Array(name.utf8))
    let answer = try fixture.root(
      """
      export APPTAINER_CONFIGDIR=$PWD/configuration/names; siftool instance start service.sif "$(cat name)"; echo $?
      [ ! -s name ] || siftool exec "instance://$(cat name)" true; echo $?; find configuration -type f
      """)
    #expect(answer.text == (name.isEmpty ? "64\n0\n" : "64\n64\n"), "\(answer.text) \(answer.errors)")
  }

  /// Files that are not what this program wrote: none of them leads anywhere.
  @Test func hostileFiles() throws {
    for answer in try both(
      """
      place=$APPTAINER_CONFIGDIR/instances/siftool/$(hostname)/$(id -un); siftool instance start ../service.sif x 2> /dev/null
      cp $place/x/x.json saved-$(id -u); try() { siftool exec instance://x true 2> /dev/null; echo $?; }
      for change in 's/"pid": [0-9]*/"pid": 1/' 's/"start": "[0-9]*"/"start": "1"/' 's/"boot": "[^"]*"/"boot": "0"/' 's/"filters"/"other"/' \\
        's/"name": "x"/"name": "y"/' 's/^{/{{/' 's/"home": "/"home": "relative/'; do
        sed "$change" saved-$(id -u) > $place/x/x.json; try; done
      rm $place/x/x.json; ln -s ../../saved $place/x/x.json; try; rm $place/x/x.json; mkfifo $place/x/x.json; try
      rm $place/x/x.json; cp saved-$(id -u) $place/x/x.json; try; siftool instance stop x 2> /dev/null; echo $?
      mkdir -p $place/dead; echo '{}' > $place/dead/dead.json; siftool instance list | wc -l; ls $place
      """)
    { #expect(answer.text == "5\n1\n1\n5\n5\n5\n5\n7\n5\n0\n0\n1\n", "\(answer.text) \(answer.errors)") }
    let link = try fixture.root(
      """
      mkdir -p real other; export APPTAINER_CONFIGDIR=$PWD/configuration/links; mkdir -p $APPTAINER_CONFIGDIR; ln -s $PWD/other $APPTAINER_CONFIGDIR/instances
      siftool instance start service.sif x; echo $?; find other | wc -l
      """)
    #expect(link.text == "7\n1\n", "\(link.text) \(link.errors)")
  }

  /// One of several starts of a name at once succeeds.
  @Test func startsAtOnce() throws {
    for answer in try both(
      """
      for i in 1 2 3 4 5; do (siftool instance start ../service.sif race > /dev/null 2>&1; echo $? > status-$i-$(id -u)) & done; wait
      cat status-*-$(id -u) | sort | tr '\\n' ' '; siftool instance list | wc -l; siftool instance stop -F race 2> /dev/null
      for i in $(seq 12); do siftool instance start ../service.sif n$i > /dev/null 2>&1 & done; wait; siftool instance list | wc -l
      siftool instance stop -a 2> /dev/null; siftool instance list | wc -l
      """)
    { #expect(answer.text == "0 1 1 1 1 2\n13\n1\n", "\(answer.text) \(answer.errors)") }
  }

  /// A start that fails leaves no instance, and says why.
  @Test func failedStarts() throws {
    for answer in try both(
      """
      siftool instance start ../absent.sif x; echo $?; siftool instance start --bind /absent:/x ../service.sif x; echo $?
      siftool instance list | wc -l; find $APPTAINER_CONFIGDIR -name 'x*' -path '*siftool*'; siftool instance start ../service.sif; echo $?
      siftool instance stats x; echo $?
      """)
    {
      #expect(answer.text == "7\n7\n1\n64\n1\n", "\(answer.text) \(answer.errors)")
      #expect(answer.errors.contains("cannot bind /absent"), "\(answer.errors)")
    }
  }

  @Test func jsonAndLogs() throws {
    let answer = try fixture.root(
      """
      export APPTAINER_CONFIGDIR=$PWD/configuration/json; siftool instance start service.sif one 2> /dev/null
      siftool instance list --json; siftool instance stop one 2> /dev/null
      """)
    #expect(try JSONSchema.faults(of: Array(answer.text.utf8), schema: "instance-list") == "")
    let list = try JSONParser.parse(Array(answer.text.utf8))["instances"]?.elements ?? []
    #expect(
      list.count == 1 && list[0]["instance"]?.text == "one"
        && list[0]["img"]?.text?.hasSuffix("/service.sif") == true)
    #expect(list.first?["logErrPath"]?.text?.hasSuffix("/one.err") == true)
  }

  /// Files of others, of earlier times and of other processes: none is believed, none is followed.
  @Test func staleFiles() throws {
    let answer = try fixture.root(
      """
      export APPTAINER_CONFIGDIR=$PWD/configuration/stale; place=$APPTAINER_CONFIGDIR/instances/siftool/$(hostname)/root
      siftool instance start service.sif x 2> /dev/null; cp $place/x/x.json saved; try() { siftool exec instance://x true 2> /dev/null; echo $?; }
      sleep 300 & other=$!; sed 's/"pid": [0-9]*/"pid": '$other'/' saved > $place/x/x.json; try; siftool instance stop -F x 2> /dev/null; kill -0 $other && echo lives; kill $other
      cp saved $place/x/x.json; chown 65534 $place/x/x.json; try; chown 0 $place/x/x.json; try
      chown 65534 $place; try; chown 0 $place; siftool instance stop -F x 2> /dev/null; echo $?
      """)
    #expect(answer.text == "1\nlives\n5\n0\n7\n0\n", "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// Programs that enter while the instance stops either run or are told that it is gone; none is left.
  @Test func joinsWhileItStops() throws {
    for answer in try both(
      """
      siftool instance start ../service.sif busy 2> /dev/null
      for i in $(seq 12); do (siftool exec instance://busy sleep 0.2 2> said-$i-$(id -u); echo $? > ended-$i-$(id -u)) & [ $i != 6 ] || siftool instance stop -F busy 2> /dev/null & done; wait
      cat ended-*-$(id -u) | grep -cvxE '0|1|7|137'; cat ended-*-$(id -u) | wc -l; siftool instance list | wc -l
      """)
    { #expect(answer.text == "0\n12\n1\n", "\(answer.text) \(answer.errors)") }
    #expect(try fixture.leftovers() == "\n")
  }

  /// Without room for the log or for the description, the start says so, or the instance runs without its log.
  @Test func fullDisk() throws {
    let answer = try Tool.run([
      "unshare", "-m", "sh", "-c",
      """
      cd \(fixture.directory.path); mkdir -p small; mount -t tmpfs -o size=64k,nr_inodes=60 small small; export APPTAINER_CONFIGDIR=$PWD/small/c PATH=\(fixture.directory.path):$PATH
      install -m 755 \(Fixture.siftool) siftool; mkdir -m 700 small/c; siftool instance start service.sif before 2> /dev/null; echo $?
      dd if=/dev/zero of=small/all bs=4k 2> /dev/null
      siftool instance start service.sif after; echo $?; siftool instance list | awk 'NR > 1 { print $1 }'; siftool exec instance://before true; echo $?
      siftool instance stop -a 2> /dev/null; rm small/all; siftool instance start service.sif after 2> /dev/null; echo $?; siftool instance stop -a 2> /dev/null; siftool instance list | wc -l
      """,
    ])
    #expect(answer.text == "0\n7\nbefore\n0\n0\n1\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("No space left on device"), "\(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  /// What is counted needs a control group; without one there is a sentence. With one: Scripts/limits-hold.sh.
  @Test func withoutFigures() throws {
    for answer in try both(
      "siftool instance start ../service.sif s 2> /dev/null; siftool instance stats --no-stream s > /dev/null; echo $?; siftool instance stop s 2> /dev/null"
    ) {
      #expect(
        answer.text == "0\n" || answer.text == "1\n" && answer.errors.contains("no control group of its own"))
    }
  }
}
