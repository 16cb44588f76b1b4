import TestSupport
import Testing

/// Programs of others that call `singularity` or `apptainer`, with this tool by those names. Scripts/install-python.sh
/// installs them; none of them needs more than this machine.
@Suite struct ClientTests {
  private let fixture: ExecFixture

  init() throws {
    fixture = try ExecFixture()
    try Shell.check(
      """
      rm rootfs/var rootfs/opt rootfs/loop; mkdir rootfs/root rootfs/mnt; printf '#!/bin/sh\\nexec /bin/sh "$@"\\n' > rootfs/bin/bash; chmod 755 rootfs/bin/bash
      printf '#!/bin/sh\nexec "$@"\n' > script; siftool pack rootfs client.sif --runscript script --label color=blue --arch amd64; chmod 644 client.sif
      install -m 755 \(Fixture.siftool) siftool; for n in singularity apptainer run-singularity; do ln -s siftool $n; done
      """, in: fixture.directory)
  }

  /// Runs a script as root in the directory `work`, with the clients in the path and a home of its own.
  private func run(_ script: String) throws -> ToolAnswer {
    try fixture.root(
      """
      d=$PWD; mkdir -p home; export HOME=$d/home PATH=$d:\(Fixture.root)/.build/python/clients/bin:$PATH TMPDIR=$d/work
      cd work; image=$d/client.sif; \(script)
      """)
  }

  @Test func spython() throws {
    try fixture.directory.write(
      "work/session.py",
      """
      from spython.main import Client
      image = '../client.sif'
      print(Client.execute(image, ['echo', 'hello']))
      print(Client.execute(image, ['sh', '-c', 'exit 3'], return_result=True)['return_code'])
      print(Client.inspect(image)['attributes']['labels']['color'])
      one = Client.instance(image, name='one')
      print([x.name for x in Client.instances(quiet=True)])
      print(Client.execute(one, ['echo', 'inside']))
      one.stop()
      print(Client.instances(quiet=True))
      print(Client.version().split('+')[0])
      """)
    let answer = try run("python session.py 2> errors; cat errors >&2")
    #expect(
      answer.text == "hello\n\n3\nblue\n['one']\ninside\n\n[]\nsingularity-ce version 4.3.3\n",
      "\(answer.text) \(answer.errors)")
  }

  @Test func cwltool() throws {
    try fixture.directory.write(
      "work/tool.cwl",
      """
      cwlVersion: v1.2
      class: CommandLineTool
      baseCommand: [sh, -c, 'cat $0 > out.txt; pwd >> out.txt; touch /x 2> /dev/null || echo closed >> out.txt']
      hints:
        DockerRequirement: {dockerImageId: client.sif, dockerPull: client.sif}
      inputs:
        data: {type: File, inputBinding: {position: 1}}
      outputs:
        answer: {type: File, outputBinding: {glob: out.txt}}
      """)
    let answer = try run(
      "cp $image .; echo data > in; cwltool --singularity --outdir out tool.cwl --data in > result 2> log; echo $?; tail -n 20 log >&2; head -n 1 out/out.txt; grep -c ^/ out/out.txt"
    )
    #expect(answer.text == "0\ndata\n1\n", "\(answer.text) \(answer.errors)")
  }

  @Test func snakemake() throws {
    try fixture.directory.write(
      "work/Snakefile",
      """
      rule all:
          input: "made"
      rule made:
          output: "made"
          container: "../client.sif"
          shell: "echo made > {output}; echo $APPTAINER_NAME >> {output}"
      rule fails:
          output: "never"
          container: "../client.sif"
          shell: "exit 9"
      """)
    let answer = try run(
      "snakemake -c1 --sdm apptainer > log 2>&1; echo $?; cat made; snakemake never -c1 --sdm apptainer >> log 2>&1; echo $?; grep -c 'non-zero exit code' log; cat log >&2"
    )
    #expect(answer.text == "0\nmade\nclient.sif\n1\n1\n", "\(answer.text) \(answer.errors.suffix(2000))")
  }

  /// It pulls its image from a registry.
  @Test func miniwdl() throws {
    try fixture.directory.write(
      "registry.yml",
      """
      version: 0.1
      storage: {inmemory: {}}
      http: {addr: 127.0.0.1:PORT}
      """)
    try fixture.directory.write(
      "work/flow.wdl",
      """
      version 1.0
      task greet {
        input { String who }
        command { echo hello ~{who} }
        output { String words = read_string(stdout()) }
        runtime { docker: "127.0.0.1:PORT/client:1" }
      }
      workflow flow { call greet { input: who = "you" } output { String words = greet.words } }
      """)
    try fixture.directory.write("work/settings.cfg", "[scheduler]\ncontainer_backend = singularity\n")
    let path = fixture.directory.path
    let registry = try TestServer.start { port in
      try Shell.check("sed s/PORT/\(port)/ registry.yml > registry-\(port).yml", in: fixture.directory)
      return ["docker-registry", "serve", "\(path)/registry-\(port).yml"]
    }
    let answer = try run(
      """
      sed -i s/PORT/\(registry.port)/ flow.wdl; siftool push -q --no-https $image docker://127.0.0.1:\(registry.port)/client:1 > /dev/null
      SINGULARITY_NOHTTPS=1 miniwdl run --cfg settings.cfg flow.wdl --dir out > result 2> log; echo $?; grep -c 'hello you' result; tail -n 20 log >&2
      """)
    #expect(answer.text == "0\n1\n", "\(answer.text) \(answer.errors)")
  }

  @Test func reframe() throws {
    try fixture.directory.write(
      "work/check.py",
      """
      import reframe as rfm, reframe.utility.sanity as sn
      @rfm.simple_test
      class Check(rfm.RunOnlyRegressionTest):
          valid_systems = ['*']
          valid_prog_environs = ['*']
          platform = parameter(['Apptainer', 'Singularity'])
          @run_before('run')
          def choose(self):
              self.container_platform = self.platform
              self.container_platform.image = 'IMAGE'
              self.container_platform.mount_points = [('/tmp', '/mnt')]
              self.container_platform.command = "sh -c 'echo in container; ls -d /mnt'"
          @sanity_function
          def judge(self):
              return sn.all([sn.assert_found('in container', self.stdout), sn.assert_found('^/mnt', self.stdout)])
      """)
    try fixture.directory.write(
      "work/site.py",
      """
      site_configuration = {
          'systems': [{'name': 'here', 'hostnames': ['.*'], 'partitions': [{
              'name': 'all', 'scheduler': 'local', 'launcher': 'local', 'environs': ['none'],
              'container_platforms': [{'type': 'Apptainer'}, {'type': 'Singularity'}]}]}],
          'environments': [{'name': 'none'}],
      }
      """)
    let answer = try run(
      "sed -i \"s,IMAGE,$image,\" check.py; reframe -C site.py -c check.py -r > log 2>&1; echo $?; grep -c 'Ran 2/2' log; cat log >&2"
    )
    #expect(answer.text == "0\n1\n", "\(answer.text) \(answer.errors.suffix(2000))")
  }

  /// Its modules' wrappers.
  @Test func shpc() throws {
    try Shell.check("mkdir -p work/registry/x/app", in: fixture.directory)
    try fixture.directory.write(
      "work/registry/x/app/container.yaml",
      """
      docker: x/app
      url: https://example.com
      maintainer: '@x'
      description: a program
      latest: {"1": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
      tags: {"1": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
      aliases: {sayit: /bin/echo}
      """)
    let answer = try run(
      """
      settings=$(find \(Fixture.root)/.build/python/clients -path '*shpc/settings.yml')
      sed "s#^registry:.*#registry: [$PWD/registry]#; s#^sync_registry:.*#sync_registry: x#; s#^module_base:.*#module_base: $PWD/modules#
        s#^container_base:.*#container_base: $PWD/containers#; s#^wrapper_base:.*#wrapper_base: $PWD/wrappers#; s#^container_tech:.*#container_tech: singularity#" $settings > s.yml
      shpc --settings-file s.yml install x/app:1 $image > log 2>&1; echo $?; cat log >&2
      bash wrappers/x/app/1/bin/sayit hello; bash wrappers/x/app/1/bin/app-inspect-runscript | head -n 1; grep -c blue modules/x/app/1/module.lua
      """)
    #expect(answer.text == "0\nhello\n#!/bin/sh\n1\n", "\(answer.text) \(answer.errors)")
  }

  /// The exact command lines of programs that are not installed here, each with the code that it needs.
  @Test(arguments: [
    // HTCondor: probes, a job, and the test before it.
    ("singularity exec -C $image sh -c 'exit 37'", 37), ("singularity exec -C $d/rootfs sh -c 'exit 37'", 37),
    (
      "singularity -s exec -S /tmp -S /var/tmp -W $PWD --pwd /bin -B $PWD:/srv --no-home -C $image sh -c 'exit 5'",
      5
    ),
    ("singularity -q test -W $PWD --pwd /bin -B $PWD:/srv -C $image", 0),
    // Galaxy.
    (
      "singularity -s exec --contain --pwd / --cleanenv --ipc --pid --no-mount tmp -B $PWD:$PWD -B $d:/data:ro --home $HOME:$HOME $image sh -c 'exit 6'",
      6
    ),
    // Nextflow.
    (
      "env - PATH=\"$PATH\" SINGULARITYENV_TMP=/tmp singularity exec --no-home --pid -B $PWD $image /bin/bash -c \"cd $PWD; exit 7\"",
      7
    ),
    // Toil, Arvados, cwltool.
    (
      "singularity --quiet run --contain --ipc --cleanenv --no-eval --userns --home $PWD:/home/x --mount=type=bind,source=$d,target=/data,readonly --pwd / --net --network none $image sh -c 'exit 8'",
      8
    ),
    (
      "singularity exec --containall --cleanenv --pwd=/ --net --network=none --home $PWD:/root --bind $d:/data:ro $image sh -c 'exit 9'",
      9
    ),
    // Open OnDemand, BABS, grpc4bmi, BEE, Popper, Boutiques, toil-container.
    ("SINGULARITY_BINDPATH=/etc,$d singularity exec --contain --pid $image /bin/bash -l -c 'exit 10'", 10),
    ("singularity run -B $PWD -B $d:/data --env \"K=V\" $image sh -c 'exit 11'", 11),
    (
      "apptainer run --contain --env BMI_PORT=5 --bind $d:/data:ro --bind $PWD:$PWD:rw --pwd $PWD $image sh -c 'exit 12'",
      12
    ),
    ("singularity exec --pwd / $image sh -c 'exit 13'", 13),
    ("singularity exec --userns --pwd / --bind $d:/data $image sh -c 'exit 14'", 14),
    ("apptainer exec --cleanenv -B $d:/data -W $PWD $image sh -c 'exit 15'", 15),
    (
      "singularity -q exec --home $PWD:/tmp/.unused_home --workdir $PWD --contain --bind $d:/data --pwd / $image sh -c 'exit 16'",
      16
    ),
    // udocker, hpc-sandbox, Slurm's manual, the SPANK wrapper.
    ("apptainer --silent exec -w -u --pwd / -B $PWD:/mnt --home $HOME:/root $d/rootfs sh -c 'exit 17'", 17),
    (
      "singularity instance start --cleanenv --containall --no-home --no-eval --no-mount home,cwd,bind-paths --userns --writable --pid-file p --bind $PWD:/mnt:rw --net --network none $d/rootfs box && singularity exec --cleanenv --cwd / instance://box sh -c 'exit 18'; c=$?; singularity instance list --json box | grep -q $(cat p) && singularity instance stop box && exit $c",
      18
    ),
    ("singularity exec --userns $d/rootfs sh -c 'exit 19'", 19),
    ("apptainer run --bind /var/spool --containall $image sh -c 'exit 20'", 20),
    ("singularity exec --bind= $image sh -c 'exit 21'", 21),
    // e4s-cl, jupyter-rstudio, ReproNim.
    (
      "SINGULARITY_BIND=$d:/data:ro,$PWD:/mnt:rw SINGULARITYENV_LD_PRELOAD= singularity exec --pwd / $image sh -c 'test -d /data && exit 22'",
      22
    ),
    (
      "singularity exec -W $PWD -B /etc/hosts:/etc/localtime -c -e -B $PWD -H $HOME --pwd $PWD $image sh -c 'exit 23'",
      23
    ),
  ])
  func commandLines(line: String, code: Int32) throws {
    let answer = try run("(\(line)); echo $?")
    #expect(answer.text.split(separator: "\n").last == "\(code)", "\(answer.text) \(answer.errors)")
  }
}
