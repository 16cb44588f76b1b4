import StrictJSON
import TestSupport
import Testing

@testable import SIFRuntime

/// Limits as the runtimes' administrators write them, and what the kernel is told.
@Suite struct ResourceLimitsTests {
  private func parse(_ text: String) throws -> ResourceLimits {
    try ResourceLimits(parsing: Array(text.utf8), file: "l.toml")
  }

  private func written(_ text: String) throws -> [String] {
    try parse(text).limits.map { $0.files.map { "\($0.name)=\($0.text)" }.joined(separator: "|") }
  }

  @Test func everyTable() throws {
    #expect(
      try written(
        """
        [memory]
        limit = 524288000
        reservation = 1048576
        swap = 1073741824
        disableOOMKiller = false
        [cpu]
        shares = 512
        quota = 20000
        period = 50000
        cpus = "0-1,3"
        mems = "0"
        [pids]
        limit = 100
        [blockIO]
        weight = 1000
        [[blockIO.weightDevice]]
        major = 7
        minor = 1
        weight = 10
        [[blockIO.throttleReadBpsDevice]]
        major = 7
        minor = 0
        rate = 16777216
        [[blockIO.throttleWriteIOPSDevice]]
        major = 7
        minor = 0
        rate = 0
        [[hugepageLimits]]
        pageSize = "2MB"
        limit = 4194304
        [rdma.mlx5_1]
        hcaHandles = 3
        hcaObjects = 10000
        [unified]
        "memory.high" = "max"
        "io.max" = "8:0 rbps=1\\n8:16 rbps=2"
        """) == [
          "memory.low=1048576", "memory.max=524288000", "memory.swap.max=549453824", "cpu.weight=20",
          "cpu.max=20000 50000", "cpuset.cpus=0-1,3", "cpuset.mems=0", "pids.max=100",
          "io.bfq.weight=1000|io.weight=10000", "io.bfq.weight=7:1 10|io.weight=7:1 1",
          "io.max=7:0 rbps=16777216",
          "io.max=7:0 wiops=max", "hugetlb.2MB.max=4194304", "rdma.max=mlx5_1 hca_handle=3 hca_object=10000",
          "io.max=8:0 rbps=1", "io.max=8:16 rbps=2", "memory.high=max",
        ])
    let limits = try parse("[memory]\nlimit = 7\n[pids]\nlimit = -1")
    #expect(limits.controllers == ["memory", "pids"] && limits.memory == 7 && limits.devices.isEmpty)
    #expect(limits.limits.last?.files.first?.text == "max")
  }

  /// From the shares of version 1 to the weights of version 2, at both ends and at the default.
  @Test func weights() throws {
    for (shares, weight) in [(2, 1), (1024, 39), (262_144, 10_000)] {
      #expect(try written("[cpu]\nshares = \(shares)") == ["cpu.weight=\(weight)"])
    }
    #expect(try written("[cpu]\nquota = 5000") == ["cpu.max=5000 100000"])
    #expect(try written("[cpu]\nquota = -1\nperiod = 2000") == ["cpu.max=max 2000"])
    #expect(try written("[cpu]\nperiod = 2000") == ["cpu.max=max 2000"])
    #expect(try written("[memory]\nlimit = 5\nswap = 5") == ["memory.max=5", "memory.swap.max=0"])
    #expect(try written("[memory]\nswap = -1") == ["memory.swap.max=max"])
    #expect(try written("").isEmpty)
  }

  /// Each mistake is named by its place; what version 2 cannot limit is refused.
  @Test(arguments: [
    ("x", "l.toml does not set limits: TOML"), ("x = 1", "l.toml: x: there is no such setting"),
    ("memory = 1", "memory: this has to be a table"), ("[memory]\nlimt = 1", "memory.limt: there is no such"),
    ("[memory]\nlimit = 0", "memory.limit: this has to be above 0"),
    ("[memory]\nlimit = -2", "memory.limit: this has to be a whole number"),
    ("[memory]\nlimit = 1.5", "memory.limit: this has to be a whole number"),
    ("[memory]\nlimit = \"1G\"", "memory.limit: this has to be a whole number"),
    ("[memory]\nswap = 10", "memory.swap: this is memory and swap together: it needs a limit on memory"),
    ("[memory]\nlimit = 11\nswap = 10", "memory.swap: this is memory and swap together: at least"),
    ("[memory]\nkernel = 1", "memory.kernel: control groups of version 2 have no such limit"),
    ("[memory]\nkernelTCP = 1", "memory.kernelTCP: control groups of version 2"),
    ("[memory]\nswappiness = 1", "memory.swappiness: control groups of version 2"),
    ("[memory]\ndisableOOMKiller = true", "memory.disableOOMKiller: control groups of version 2"),
    ("[cpu]\nrealtimePeriod = 1", "cpu.realtimePeriod: control groups of version 2"),
    ("[cpu]\nshares = 1", "cpu.shares: this has to be a whole number from 2"),
    ("[cpu]\nquota = 1", "cpu.quota: this has"),
    ("[cpu]\nperiod = 1", "cpu.period: this has"),
    ("[cpu]\ncpus = \"1-\"", "cpu.cpus: this has to be a list"),
    ("[cpu]\ncpus = \"\"", "cpu.cpus: this has"), ("[cpu]\nmems = \"3-1\"", "cpu.mems: this has"),
    ("[cpu]\ncpus = \"0-99999999999999999999\"", "cpu.cpus: this has"),
    ("[pids]\nlimit = 0", "pids.limit: this"),
    ("[blockIO]\nweight = 9", "blockIO.weight: this has to be"),
    ("[blockIO]\nleafWeight = 10", "leafWeight: control"),
    ("[[blockIO.weightDevice]]\nmajor = 1\nminor = 1", "blockIO.weightDevice[0]: weight is missing"),
    ("[[blockIO.throttleReadBpsDevice]]\nmajor = 1\nrate = 1", "throttleReadBpsDevice[0]: major and minor"),
    ("[[blockIO.throttleReadBpsDevice]]\nmajor = 1\nminor = 0", "throttleReadBpsDevice[0]: rate is missing"),
    ("[network]\nclassID = 1", "network: control groups of version 2"),
    (
      "[[hugepageLimits]]\npageSize = \"../x\"\nlimit = 1",
      "hugepageLimits[0].pageSize: this has to be a size"
    ),
    ("[[hugepageLimits]]\npageSize = \"2MB\"", "hugepageLimits[0]: pageSize or limit is missing"),
    ("[rdma.x]", "rdma.x: hcaHandles or hcaObjects is missing"),
    ("[rdma.\"a b\"]\nhcaHandles = 1", "this is not the name"),
    ("[unified]\n\"../x.y\" = \"1\"", "this is not a file of a controller"),
    ("[unified]\nmemory = \"1\"", "this is not a file"),
    ("[unified]\n\"cgroup.procs\" = \"1\"", "this is not a file"),
    ("[unified]\n\"pids.max\" = 1", "this has to be a text"),
    ("devices = 1", "devices: this has to be a list"),
    ("[[devices]]\nallow = true", "devices[0]: a rule for devices"),
    ("[[devices]]\nallow = true\naccess = \"x\"", "devices[0].access: this has to be made of r, w and m"),
    ("[[devices]]\nallow = true\naccess = \"\"", "devices[0].access: this"),
    ("[[devices]]\nallow = true\naccess = \"r\"\ntype = \"z\"", "devices[0]: type has to be"),
    ("[[devices]]\nallow = 1\naccess = \"r\"", "devices[0].allow: this has to be true"),
    ("[[devices]]\nallow = true\naccess = \"r\"\nmajor = -2", "devices[0].major: this has"),
  ]) func mistakes(text: String, message: String) throws {
    let error = try #require(throws: RuntimeError.self) { try parse(text) }
    #expect(error.code == .invalidArgument && error.message.contains(message), "\(error.message)")
  }

  @Test func tooManyDevices() throws {
    let rule = "[[devices]]\nallow = true\naccess = \"rwm\"\n"
    #expect(try parse(String(repeating: rule, count: 256)).devices.count == 256)
    #expect(throws: RuntimeError.self) { try parse(String(repeating: rule, count: 257)) }
  }

  // MARK: Devices

  /// The program that the kernel runs, run here.
  private func run(_ program: [UInt64], kind: Int32, access: Int32, major: Int32, minor: Int32) -> Bool? {
    var registers = [Int64](repeating: 0, count: 11)
    let context = [Int64(access) << 16 | Int64(kind), Int64(major), Int64(minor)]
    var next = 0
    while program.indices.contains(next) {
      let word = program[next]
      next += 1
      let (to, from) = (Int(word >> 8 & 15), Int(word >> 12 & 15))
      let offset = Int(Int16(truncatingIfNeeded: word >> 16))
      let number = Int64(Int32(truncatingIfNeeded: word >> 32))
      switch word & 0xFF {
      case 0x61: registers[to] = context[offset / 4]
      case 0xBF: registers[to] = registers[from]
      case 0xB7: registers[to] = number
      case 0x57: registers[to] &= number
      case 0x77: registers[to] >>= number
      case 0x15: if registers[to] == number { next += offset }
      case 0x55: if registers[to] != number { next += offset }
      case 0x95: return registers[0] != 0
      default: return nil
      }
    }
    return nil
  }

  /// Random rules, and every question about few devices: for each way of access, the last rule that fits counts.
  @Test func theLastRuleCounts() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    for _ in 0..<200 {
      let rules = (0..<Int.random(in: 0...8, using: &random)).map { _ in
        DeviceRule(
          isAllowed: Bool.random(using: &random),
          kind: [nil, .block, .character].randomElement(using: &random) ?? nil,
          major: [nil, 1, 2].randomElement(using: &random) ?? nil,
          minor: [nil, 3].randomElement(using: &random) ?? nil,
          access: DeviceRule.Access(rawValue: Int32.random(in: 1...7, using: &random)))
      }
      let program = rules.program
      for kind in [DeviceRule.Kind.block, .character] {
        for (major, minor) in [(1, 3), (2, 3), (2, 4)] as [(Int32, Int32)] {
          for access in 1...Int32(7) {
            let expected = [1, 2, 4].filter { access & $0 != 0 }.allSatisfy { bit in
              rules.last { rule in
                rule.access.rawValue & bit != 0 && rule.kind ?? kind == kind && rule.major ?? major == major
                  && rule.minor ?? minor == minor
              }?.isAllowed ?? false
            }
            let answer = run(program, kind: kind.rawValue, access: access, major: major, minor: minor)
            #expect(answer == expected, "seed \(seed): \(rules) \(kind) \(major):\(minor) \(access)")
          }
        }
      }
    }
  }

  @Test func lists() {
    #expect(NumberList.parse("0-2,5") == [0, 1, 2, 5] && NumberList.parse("7") == [7])
    for text in [
      String(repeating: "0-9,", count: 999) + "1", "", ",", "1,", "2-1", "a", "-1", "1-2-3", "0-8192",
    ] {
      #expect(NumberList.parse(text) == nil, "\(text)")
    }
  }
}
