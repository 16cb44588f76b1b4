import TestSupport
import Testing

/// The directory of `--overlay`: what is taken for one, and that it is one container's alone.
@Suite struct OverlayTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// The kernel would erase what is in `work/work`, and whatever is in `upper` would become the container's.
  @Test(arguments: [false, true]) func directoriesOfOthers(isRoot: Bool) throws {
    let script = """
      cd work; mkdir -p home/in
      t() { siftool exec --overlay "$1" ../plain.sif true 2>&1 | grep -v '^Try' | sed "s#$PWD#D#g"; ls -R $1 | md5sum > after
        [ ! -e before ] || cmp before after; }
      try() { ls -R $1 | md5sum > before; t $1; rm before; }
      mkdir -p a/work/work b/work/mine c/upper c/other d/upper e/work; echo x > a/work/work/mine; echo x > d/work; touch e/upper
      mkdir -p f/work/work; ln -s ../d f/upper
      for i in a b c d e f; do try $i; done; siftool exec --overlay $HOME ../plain.sif true 2>&1 | grep -v '^Try' | sed "s#$HOME#HOME#g"
      siftool exec --overlay / ../plain.sif true 2>&1 | grep -c 'neither an image nor an overlay'
      siftool exec --overlay .. ../plain.sif true 2>&1 | grep -c 'cannot be an overlay'
      mkdir -p new/work/work/#1f; siftool exec --overlay new ../plain.sif sh -c 'echo kept > /bin/new'; echo $?
      ls new; siftool exec --overlay new ../plain.sif cat /bin/new
      """
    let answer =
      isRoot
      ? try fixture.root(script) : try fixture.ordinary(script, home: fixture.directory.file("work/home"))
    #expect(
      answer.text == """
        siftool: a is neither empty nor an overlay, which has only upper and work: it contains work/work/mine
        siftool: b is neither empty nor an overlay, which has only upper and work: it contains work/mine
        siftool: c is neither empty nor an overlay, which has only upper and work: it contains other
        siftool: d is not an overlay: its work is not a directory
        siftool: e is not an overlay: its upper is not a directory
        siftool: f is not an overlay: its upper is not a directory
        siftool: HOME cannot be an overlay: it contains HOME, which is not part of it
        1
        1
        0
        upper
        work
        kept

        """, "\(answer.text) \(answer.errors)")
  }

  @Test func ofAnotherUser() throws {
    let answer = try fixture.ordinary(
      "siftool exec --overlay work/mine plain.sif true; echo $?; ls work/mine",
      devices: """
        mount --bind \(fixture.directory.path)/fuse-device /dev/fuse; mkdir -p \(fixture.directory.path)/work/mine/upper
        chmod 777 \(fixture.directory.path)/work/mine; chown 12 \(fixture.directory.path)/work/mine/upper
        """)
    #expect(
      answer.text == "64\nupper\n" && answer.errors.contains("its upper belongs to another user"),
      "\(answer.errors)")
  }

  /// As long as a program of the container runs, and no longer, however it was started and whoever was killed.
  @Test(arguments: ["", "--pid", "--containall --fuse", "root", "root --pid"]) func oneAtATime(
    options: String
  ) throws {
    let isRoot = options.hasPrefix("root")
    let options = isRoot ? String(options.dropFirst(4)) : options
    let script = """
      cd work; mkdir over; t() { siftool exec \(options) --overlay over ../plain.sif "$@"; }
      siftool exec \(options) --overlay over ../plain.sif sh -c 'echo > /started; exec sleep 60' & while [ ! -e over/upper/started ]; do sleep 0.05; done
      # Whoever was killed may take a moment to end.
      free() { for i in $(seq 600); do t "$@" 2> /dev/null; s=$?; [ $s = 7 ] || break; sleep 0.1; done; echo $s; }
      t true; echo $?; kill -9 $!; wait $! 2> /dev/null; free true
      t sh -c 'rm /started; sleep 60 > /dev/null 2>&1 & echo $! > /child'; t true; echo $?
      for p in $(pgrep -x sleep); do grep -qs "\(fixture.directory.path)" /proc/$p/environ && kill $p; done; free cat /child | tail -n 1
      """
    let answer = isRoot ? try fixture.root(script) : try fixture.ordinary(script)
    // A namespace of processes ends with its program.
    let hasNamespace = options.contains("--pid") || options.contains("--containall")
    #expect(answer.text == "7\n0\n\(hasNamespace ? 0 : 7)\n0\n", "\(answer.text) \(answer.errors)")
    #expect(
      answer.errors.contains("siftool: over is the overlay of a container that is still running\n"),
      "\(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }
}
