import Accelerators
import SystemPackage
import TestSupport
import Testing

/// Files of the Container Device Interface: what they give, and what they may not say.
@Suite struct DeviceSpecificationTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private static let head = "cdiVersion: 0.6.0\nkind: vendor.com/gpu\n"

  private func registry(_ files: [(name: String, text: String)]) throws -> DeviceRegistry {
    for (name, text) in files {
      try Tool.check(["mkdir", "-p", FilePath(scratch.file(name)).removingLastComponent().string])
      try scratch.write(name, text)
      try Tool.check(["chmod", "644", scratch.file(name)])
    }
    return DeviceRegistry(reading: ["etc", "run"].map { FilePath(scratch.file($0)) })
  }

  @Test func everythingThatADeviceBrings() throws {
    try scratch.write("lib.txt", "x")
    let registry = try registry([
      (
        "etc/vendor.yaml",
        """
        \(Self.head)containerEdits:
          env: [COMMON=1]
        devices:
        - name: "0"
          containerEdits:
            env: ["A=b=c"]
            deviceNodes: [{path: /dev/gpu0, hostPath: /dev/null, permissions: rw}, {path: /dev/zero}]
            mounts: [{hostPath: \(scratch.file("lib.txt")), containerPath: /opt/lib.txt, options: [ro, nosuid]},
                     {hostPath: /tmp, containerPath: /data}]
            hooks: [{hookName: createContainer, path: /usr/bin/nvidia-ctk, args: [nvidia-ctk, hook, chmod, --path, /dev/x]},
                    {hookName: createContainer, path: /usr/bin/nvidia-ctk, args: [nvidia-ctk, hook, update-ldcache]}]
        - name: one
          containerEdits: {env: [A=two]}
        """
      )
    ])
    var notes: [String] = []
    let files = try registry.files(for: [DeviceName("vendor.com/gpu=0"), DeviceName("vendor.com/gpu=one")]) {
      notes.append($0)
    }
    #expect(files.variables.map { "\($0)=\($1)" } == ["COMMON=1", "A=two"])
    #expect(files.devices.map(\.source) == ["/dev/null", "/dev/zero"])
    #expect(files.devices.map(\.target) == ["/dev/gpu0", "/dev/zero"])
    #expect(
      files.files == [
        DriverFiles.File(FilePath(scratch.file("lib.txt")), at: "/opt/lib.txt"),
        DriverFiles.File("/tmp", at: "/data", isReadOnly: false),
      ])
    #expect(notes.count == 1 && notes[0].contains("nvidia-ctk hook chmod"), "\(notes)")
  }

  /// The names that the loader and programs look for: those of the library itself, and of the links that a hook makes.
  @Test func librariesGetTheirNames() throws {
    try scratch.write("x.c", "int x;")
    let library = scratch.file("libgpu.so.570.1")
    try Tool.check([
      "gcc", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libgpu.so.1", "-o", library, scratch.file("x.c"),
    ])
    let registry = try registry([
      (
        "etc/vendor.json",
        """
        {"cdiVersion": "0.5.0", "kind": "vendor.com/gpu", "devices": [{"name": "all", "containerEdits": {
          "mounts": [{"hostPath": "\(library)", "containerPath": "/usr/lib64/libgpu.so.570.1"}],
          "hooks": [{"hookName": "createContainer", "path": "/usr/bin/nvidia-ctk", "args": ["nvidia-ctk", "hook",
            "create-symlinks", "--link", "libgpu.so.1::/usr/lib64/libgpu.so", "--link=libgpu.so.570.1::/usr/lib64/libold.so",
            "--link", "elsewhere.so::/usr/lib64/libnone.so"]}]}}]}
        """
      )
    ])
    let files = try registry.files(for: [DeviceName("vendor.com/gpu=all")])
    #expect(files.libraries.map(\.name) == ["libgpu.so.1", "libgpu.so", "libold.so"])
    #expect(Set(files.libraries.map(\.source)) == [FilePath(library)])
  }

  @Test func laterDirectoriesWin() throws {
    func device(_ value: String) -> String {
      "\(Self.head)devices: [{name: a, containerEdits: {env: [FROM=\(value)]}}]"
    }
    let registry = try registry([("etc/one.yaml", device("etc")), ("run/one.yml", device("run"))])
    let files = try registry.files(for: [DeviceName("vendor.com/gpu=a")])
    #expect(files.variables.map(\.value) == ["run"])
    let twice = try self.registry([("run/two.yaml", device("two"))])
    let error = #expect(throws: AcceleratorError.self) {
      try twice.files(for: [DeviceName("vendor.com/gpu=a")])
    }
    #expect(error?.message.contains("two.yaml") == true)
  }

  @Test(arguments: [
    "", "gpu=0", "vendor/gpu", "vendor/gpu=", "=0", "/gpu=0", "vendor/=0", "1v/gpu=0", "v/g=../x", "v/g/h=0",
  ])
  func names(text: String) {
    let error = #expect(throws: AcceleratorError.self) { try DeviceName(text) }
    #expect(error?.code == .invalidName)
  }

  /// A specification that says something it may not: the error names the file and the member.
  @Test(arguments: [
    ("not: [closed", "not a device specification"), ("[1]", "is no mapping"), ("{}", "cdiVersion is missing"),
    ("cdiVersion: 2.0.0\nkind: a/b", "cdiVersion"), ("cdiVersion: x\nkind: a/b", "cdiVersion"),
    ("cdiVersion: 0.5.0", "kind is missing"), ("cdiVersion: 0.5.0\nkind: ../../etc", "kind"),
    ("\(head)", "devices is empty"), ("\(head)devices: 3", "devices is not a list"),
    ("\(head)devices: [{}]", "devices[0].name"), ("\(head)devices: [{name: a/b}]", "devices[0].name"),
    ("\(head)devices: [{name: a}, {name: a}]", "devices[1].name"),
    ("\(head)devices: [{name: a, containerEdits: 1}]", "devices[0].containerEdits"),
    ("\(head)devices: [{name: a, containerEdits: {env: [X]}}]", "sets no variable"),
    ("\(head)devices: [{name: a, containerEdits: {env: {X: 1}}}]", "env is not a list"),
    ("\(head)devices: [{name: a, containerEdits: {deviceNodes: [{}]}}]", "deviceNodes[0].path is missing"),
    ("\(head)devices: [{name: a, containerEdits: {deviceNodes: [{path: /etc/shadow}]}}]", "not below /dev"),
    (
      "\(head)devices: [{name: a, containerEdits: {deviceNodes: [{path: /dev/../etc/shadow}]}}]",
      "without \"..\""
    ),
    ("\(head)devices: [{name: a, containerEdits: {deviceNodes: [{path: /dev}]}}]", "not below /dev"),
    (
      "\(head)devices: [{name: a, containerEdits: {mounts: [{hostPath: /x}]}}]",
      "mounts[0].containerPath is missing"
    ),
    ("\(head)devices: [{name: a, containerEdits: {mounts: [{hostPath: x, containerPath: /x}]}}]", "hostPath"),
    (
      "\(head)devices: [{name: a, containerEdits: {mounts: [{hostPath: /x, containerPath: /}]}}]",
      "containerPath"
    ),
    (
      "\(head)devices: [{name: a, containerEdits: {mounts: [{hostPath: /x, containerPath: /a/../../b}]}}]",
      "containerPath"
    ),
  ])
  func malformed(text: String, reason: String) throws {
    let error = #expect(throws: AcceleratorError.self) {
      try DeviceSpecification(parsing: Array(text.utf8), file: "/x/vendor.yaml")
    }
    #expect(error?.code == .malformed && error?.message.contains("/x/vendor.yaml") == true)
    #expect(error?.message.contains(reason) == true, "\(String(describing: error))")
  }

  /// A device that is a file, and one that does not exist.
  @Test(arguments: ["/etc/shadow", "/nowhere", "/tmp", "/dev/stdin/x"])
  func noDevice(path: String) throws {
    let registry = try registry([
      (
        "etc/v.yaml",
        "\(Self.head)devices: [{name: a, containerEdits: {deviceNodes: [{path: /dev/x, hostPath: \(path)}]}}]"
      )
    ])
    let error = #expect(throws: AcceleratorError.self) {
      try registry.files(for: [DeviceName("vendor.com/gpu=a")])
    }
    #expect(
      error?.code == .malformed && error?.message.contains(path) == true, "\(String(describing: error))")
  }

  /// A file that is no specification is no harm to the others, and is named when the device is in none of them.
  @Test func brokenNeighbours() throws {
    let good = "\(Self.head)devices: [{name: a, containerEdits: {env: [X=1]}}]"
    let registry = try registry([
      ("etc/bad.json", "no JSON"), ("etc/good.yaml", good), ("etc/readme.txt", "no JSON"),
    ])
    #expect(registry.faults.count == 1)
    #expect(try registry.files(for: [DeviceName("vendor.com/gpu=a")]).variables.map(\.name) == ["X"])
    let error = #expect(throws: AcceleratorError.self) {
      try registry.files(for: [DeviceName("vendor.com/gpu=b")])
    }
    #expect(error?.message.contains("bad.json") == true)
    let absent = DeviceRegistry(reading: ["/nowhere"])
    let none = #expect(throws: AcceleratorError.self) {
      try absent.files(for: [DeviceName("vendor.com/gpu=b")])
    }
    #expect(none?.code == .unknownDevice)
  }

  /// Root does not use what others could have written.
  @Test func filesOfOthers() throws {
    try Tool.check(["mkdir", "-p", scratch.file("etc")])
    try scratch.write("etc/v.yaml", "\(Self.head)devices: [{name: a, containerEdits: {env: [X=1]}}]")
    for change in [["chmod", "666"], ["chown", "65534"]] {
      try Tool.check(["chmod", "644", scratch.file("etc/v.yaml")])
      try Tool.check(change + [scratch.file("etc/v.yaml")])
      let registry = DeviceRegistry(reading: [FilePath(scratch.file("etc"))])
      #expect(registry.faults.map(\.code) == [.untrusted])
    }
  }
}
