import TestSupport
import Testing

/// Networks of containers, with real traffic between them and the host's loopback (Scripts/network.sh).
@Suite struct NetworkTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  private func run(_ part: String, as user: Int) throws -> ToolAnswer {
    try Tool.run([
      "timeout", "600", "unshare", "-mn", "bash", Fixture.script("network.sh"), fixture.directory.path,
      Fixture.siftool,
      "\(user)", part,
    ])
  }

  /// The same for the two programs that pass traffic on.
  @Test(arguments: [65534, 0]) func traffic(user: Int) throws {
    let answer = try run("traffic", as: user)
    let one = ["", "--pid", "--fakeroot", "--containall"].map {
      "answer\ndatagram\n\($0): the host got inside question\n"
    }.joined()
    #expect(answer.text == "\(one)left 0\n\(one)left 0\n", "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  @Test(arguments: [65534, 0]) func killedProcesses(user: Int) throws {
    let answer = try run("killed", as: user)
    let one = [
      "main ", "guardian ", "program ", "main --pid", "guardian --pid", "program --pid", "first --pid",
    ].map {
      "\($0): left 0\n"
    }.joined()
    #expect(answer.text == one + one, "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  @Test(arguments: [65534, 0]) func instances(user: Int) throws {
    let answer = try run("instances", as: user)
    #expect(
      answer.text == "1\ninside\nleft 0\nleft 0\n1\ninside\nleft 0\nleft 0\n",
      "\(answer.text) \(answer.errors)")
    #expect(try fixture.leftovers() == "\n")
  }

  @Test(arguments: [65534, 0]) func display(user: Int) throws {
    let answer = try run("display", as: user)
    #expect(answer.text == "1\n1\n1\n1\n1\n", "\(answer.text) \(answer.errors)")
  }

  /// Networks of the Container Network Interface.
  @Test func describedNetworks() throws {
    let answer = try run("described", as: 0)
    #expect(
      answer.text == """
        eth0 10.22 eth0 10.23 eth0 10.22 eth1 10.23 
        1
        answer
        siftool: the network "lost" needs the plugin no-such-plugin
        siftool: the network "out" has a plugin without a type
        siftool: the plugin bridge cannot connect the network "wrong": no IP ranges specified
        siftool: there is no network "absent"
        siftool: the network "site" has nothing that takes portmap
        left 0
        0

        """, "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("does not belong to root alone"), "\(answer.errors)")
    let ordinary = try fixture.ordinary(
      "for n in bridge fakeroot bridge,ptp; do siftool exec --network $n plain.sif true; echo $?; done")
    #expect(ordinary.text == "7\n7\n7\n" && ordinary.errors.contains("--network user is for everybody"))
  }

  /// `none` has a loopback interface that works, for everybody.
  @Test func none() throws {
    let script = """
      for o in '--network none' --net '--net --network none' '--fakeroot --network none'; do
        siftool exec $o plain.sif sh -c 'ip -o link | wc -l; echo x | nc -l -p 9 -s 127.0.0.1 & sleep 0.3; timeout 5 nc 127.0.0.1 9' 2> /dev/null
      done
      """
    for answer in [try fixture.ordinary(script), try fixture.root(script.replacing("-p 9 ", with: "-p 9 "))] {
      #expect(
        answer.text.split(separator: "\n").filter { $0 == "1" }.count == 4, "\(answer.text) \(answer.errors)")
    }
  }

  /// A namespace that exists: root's by name, and a user's own by a process.
  @Test func existingNamespaces() throws {
    let script = """
      unshare $users -n sh -c 'ip link set lo up; ip link add mark type veth; exec sleep 60' & other=$!
      for i in $(seq 200); do ip=$(nsenter --preserve-credentials $enter -n -t $other ip link 2> /dev/null); case "$ip" in *mark*) break;; esac; sleep 0.05; done
      for o in '' --pid --fakeroot; do siftool exec $o --netns-path /proc/$other/ns/net plain.sif ip -o link 2> errors-$(id -u) | grep -c mark; done
      siftool exec --netns-path /proc/$other/ns/net plain.sif id -u; kill $other
      """
    let ordinary = try fixture.ordinary("cd work; cp ../plain.sif .; users=-Ur; enter=-U; \(script)")
    #expect(ordinary.text == "2\n2\n2\n65534\n", "\(ordinary.text) \(ordinary.errors)")
    let root = try fixture.root("users=; enter=; \(script)")
    #expect(root.text == "2\n2\n2\n0\n", "\(root.text) \(root.errors)")
  }

  /// Files that are no network namespace are not opened: a pipe would wait, and a device could do anything.
  @Test func foreignFiles() throws {
    let script = """
      mkfifo fifo-$(id -u); : > regular-$(id -u)
      for f in fifo-$(id -u) regular-$(id -u) . /dev/null /dev/zero /proc/self/ns/uts /proc/self/ns/user /proc/self/ns/mnt; do
        timeout 20 siftool exec --netns-path $f ../plain.sif true 2>&1 | grep -c 'is not a network namespace'
      done
      siftool exec --netns-path /absent ../plain.sif true 2> /dev/null; echo $?
      siftool exec --netns-path '' ../plain.sif true 2> /dev/null; echo $?
      siftool exec --net --netns-path /proc/self/ns/net ../plain.sif true 2> /dev/null; echo $?
      siftool exec --network none --netns-path /proc/self/ns/net ../plain.sif true 2> /dev/null; echo $?
      """
    for answer in [try fixture.ordinary("cd work; \(script)"), try fixture.root("cd work; \(script)")] {
      #expect(
        answer.text == String(repeating: "1\n", count: 8) + "7\n64\n64\n64\n",
        "\(answer.text) \(answer.errors)")
    }
    let foreign = try fixture.ordinary("siftool exec --netns-path /proc/self/ns/net plain.sif true; echo $?")
    #expect(foreign.text == "7\n" && foreign.errors.contains("not a network namespace of this user"))
  }

  @Test func wrongValues() throws {
    let all = [
      "--network ''", "--network ,", "--network none,user", "--network user,x", "--network ../x",
      "--network a,a",
      "--network -x", "--network none --network-args portmap=1/tcp", "--network-args portmap=1/tcp",
      "--network user --network-args ''", "--network user --network-args portmap",
      "--network user --network-args portmap=",
      "--network user --network-args portmap=0/tcp", "--network user --network-args portmap=65536/tcp",
      "--network user --network-args portmap=80:80:80/tcp", "--network user --network-args portmap=+80/tcp",
      "--network user --network-args portmap=80/sctp", "--network user --network-args portmap=80",
      "--network user --network-args portmap=8080/tcp --network-args portmap=8080:1/tcp",
      "--network user --network-args ipRange=10.0.0.0/8", "--network user --network-args 'portmap=1/tcp;;'",
      "--network user --network-args other:portmap=1/tcp", "--network a --network-args ipRange=10.0.0.0/33",
      "--network a --network-args ipRange=x/8", "--network a --network-args IP=1=2",
      "--network a --network-args '=x'",
      "--network a --network-args 'A B=x'", "--dns ''", "--dns 1.2.3", "--dns 1.2.3.4,", "--dns 1.2.3.4,x",
      "--dns ::g",
      "--dns '1.2.3.4;x'", "--dns 1.2.3.4%eth0", "--dns \"$(printf '1.2.3.4\\noptions x')\"",
      "--network user --network-args $(seq -f 'portmap=%.0f/tcp' -s, 1 1001)",
    ]
    for options in all {
      let answer = try fixture.root("siftool exec \(options) plain.sif true")
      #expect(
        answer.status == 64 && answer.errors.hasPrefix("siftool: "),
        "\(options): \(answer.status) \(answer.errors)")
    }
  }

  /// An option with one value cannot be given twice; flags can, and lists add up.
  @Test func twice() throws {
    let answer = try fixture.root(
      """
      for o in '--network x --network none' '--network none --network none' '--sharens --sharens' '--netns-path /absent --netns-path /proc/self/ns/net' \\
        '--dns 192.0.2.1 --dns 192.0.2.1' '--net --net --network none' '--hostname a --hostname b'; do
        APPTAINER_CONFIGDIR=$PWD/c siftool exec $o plain.sif true; echo $?; done
      """)
    #expect(answer.text == "64\n64\n0\n64\n0\n0\n64\n", "\(answer.text) \(answer.errors)")
  }

  /// A port that is taken, and one that only root may use.
  @Test func unavailablePorts() throws {
    let tun = """
      d=\(fixture.directory.path); [ -e $d/tun ] || mknod -m 666 $d/tun c 10 200; mount --bind $d/tun /dev/net/tun
      [ -e $d/fuse-device ] || mknod -m 666 $d/fuse-device c 10 229; mount --bind $d/fuse-device /dev/fuse
      """
    let script = """
      socat TCP-LISTEN:18099,reuseaddr - < /dev/null & sleep 0.5; siftool exec --network user --network-args portmap=18099/tcp plain.sif true; echo $?
      kill $!; [ $(id -u) = 0 ] || siftool exec --network user --network-args portmap=81/tcp plain.sif true; echo $?
      """
    let answer = try fixture.ordinary(script, devices: tun)
    #expect(answer.text == "7\n7\n", "\(answer.text) \(answer.errors)")
    #expect(answer.errors.contains("the port 18099/tcp of the host cannot be used: Address already in use"))
    let none = try fixture.ordinary(
      "siftool exec --network user plain.sif true; echo $?",
      devices: "\(tun); mount --bind /dev/null /usr/bin/pasta; mount --bind /dev/null /usr/bin/slirp4netns")
    #expect(none.text == "7\n" && none.errors.contains("needs the program pasta"), "\(none.errors)")
    let closed = try fixture.ordinary(
      "siftool exec --network user plain.sif true; echo $?", devices: "\(tun); chmod 600 $d/tun")
    #expect(
      closed.text == "7\n" && closed.errors.contains("needs the device /dev/net/tun"), "\(closed.errors)")
  }

  /// Name servers, the host's name, and the lists of names; the image stays as it is.
  @Test func files() throws {
    let script = """
      cat='cat /etc/resolv.conf /etc/hostname'
      siftool exec --dns 192.0.2.1,2001:db8::1 --dns ' 192.0.2.3 ' --hostname inner plain.sif sh -c "$cat; hostname"
      siftool exec plain.sif sh -c '[ -e /etc/hostname ] || echo none'
      siftool exec --contain --net plain.sif cat /etc/hosts | head -n 2; siftool exec --contain plain.sif cat /etc/hosts | cmp - /etc/hosts && echo same
      siftool exec plain.sif cat /etc/resolv.conf | cmp - /etc/resolv.conf && echo same
      """
    for answer in [try fixture.ordinary(script), try fixture.root(script)] {
      #expect(
        answer.text == """
          nameserver 192.0.2.1
          nameserver 2001:db8::1
          nameserver 192.0.2.3
          inner
          inner
          none
          127.0.0.1 localhost
          ::1 localhost ip6-localhost ip6-loopback
          same
          same

          """, "\(answer.text) \(answer.errors)")
    }
  }

  /// A name server of the host itself is asked through the container's network.
  @Test func localNameServer() throws {
    let devices = """
      d=\(fixture.directory.path); [ -e $d/tun ] || mknod -m 666 $d/tun c 10 200; mount --bind $d/tun /dev/net/tun; [ -e $d/fuse-device ] || mknod -m 666 $d/fuse-device c 10 229; mount --bind $d/fuse-device /dev/fuse
      printf 'search example.org\\nnameserver 127.0.0.53\\n' > $d/resolv; chmod 644 $d/resolv; mount --bind $d/resolv /etc/resolv.conf
      """
    let script = "siftool exec --network user plain.sif cat /etc/resolv.conf"
    let pasta = try fixture.ordinary(
      script, devices: devices)
    #expect(pasta.text == "nameserver 169.254.1.1\nsearch example.org\n", "\(pasta.text) \(pasta.errors)")
  }
}
