import ExecutionControl
import Testing

/// The grammar of the runtimes' main configuration file.
@Suite struct ContainerLimitsTests {
  private func limits(_ text: String) throws(PolicySyntaxError) -> ContainerLimits {
    try ContainerLimits(reading: Array(text.utf8))
  }

  /// The directives that the runtimes' own files come with.
  private static let stock = """
    # SINGULARITY.CONF
    # allow setuid = no
    allow setuid = yes
    max loop devices = 256
    config resolv_conf = yes
    mount dev = yes
    bind path = /etc/localtime
    bind path = /etc/hosts
    enable overlay = try
    allow net users = gmk, singularity
    root default capabilities = full
    memory fs type = tmpfs
    mksquashfs mem = 1G
    use nvidia-container-cli = no
    allow setuid-mount encrypted = yes
    download part size = 5242880
    #limit container owners = gmk, singularity, nobody
    #limit container paths = /scratch, /tmp, /global
    allow container sif = yes
    allow container encrypted = yes
    allow container squashfs = yes
    allow container extfs = yes
    allow container dir = yes

    """

  @Test func whatTheRuntimesComeWithLimitsNothing() throws {
    #expect(try limits(Self.stock) == ContainerLimits())
    #expect(try limits(Self.stock.replacing("\n", with: "\r\n")) == ContainerLimits())
  }

  @Test func listsAndAnswers() throws {
    let read = try limits(
      """
      \t limit container owners =  gmk , nobody\t
      limit container owners = root
      limit container groups=users
      limit container paths = /a b,/c=d, /
      allow container extfs =no
      allow container squashfs = no
        # limit container groups = others
      allow container squashfs = no
      """)
    #expect(read.owners == ["gmk", "nobody", "root"])
    #expect(read.groups == ["users"])
    #expect(read.paths == ["/a b", "/c=d", "/"])
    #expect(read.forbidden == [.extfs, .squashfs])
  }

  /// What the runtimes take for no directive at all.
  @Test(arguments: [
    "limit container owners =", "limit container groups = NULL", "limit container paths = \t",
    "allow container dir =", "allow setuid = perhaps", "an unknown directive = x", "limits = x", "a1 = b",
  ])
  func whatLimitsNothing(text: String) throws {
    #expect(try limits(text) == ContainerLimits())
  }

  @Test(arguments: [
    // Values.
    "allow container dir = maybe", "allow container dir = No", "allow container sif = no # not here",
    "allow container sif = yes,no", "allow container sif = no\nallow container sif = yes",
    "limit container owners = a,,b", "limit container groups = ,", "limit container paths = scratch",
    "limit container paths = /a, ../b", "limit container paths = /a/../b", "limit container paths = # none",
    // What is meant for a limit and is none.
    "limit container path = /a", "limit container = /a", "Limit Container Paths = /a",
    "limit  container owners = a", "limit_container_owners = a", "limit containers owners = a",
    "allow container oci-sif = no", "allow container = no", "allow-container-dir = no",
    "limit container paths2 = /a", "\u{FEFF}limit container paths = /a", "limitcontainer paths = /a",
    "limit\u{200B}container paths = /a", "\u{430}llow container dir = no",
    // What is no directive.
    "limit container paths /a", "allow container dir", "= no", "\u{FEFF}allow container dir = no\nx",
    "truncated in the mid", "", "\n\n", "# only words\n",
  ])
  func whatIsRefused(text: String) {
    #expect(throws: PolicySyntaxError.self) { try limits(text) }
  }

  @Test func linesAreNamed() throws {
    let error = try #require(throws: PolicySyntaxError.self) {
      try limits("# one\nallow setuid = yes\nallow container dir = 1\n")
    }
    #expect(error.description == "line 3: \"allow container dir\" is \"yes\" or \"no\", not \"1\"")
  }

  @Test func bytesThatAreNoTextAreRefused() {
    for bytes in [[0xFF], Array("bind path = ".utf8) + [0xC3, 0x0A], Array("a = b\0".utf8)] {
      #expect(throws: PolicySyntaxError.self) { try ContainerLimits(reading: bytes) }
    }
  }
}
