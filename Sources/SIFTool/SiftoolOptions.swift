// Made by Scripts/make-option-table.py.

import CommandKit

extension OptionTable {
  /// The options of `siftool`'s commands.
  static let siftool = OptionTable(
    tool: "siftool",
    lines: [
      ": version",
      "header: no-https authfile= json version",
      "list: no-https authfile= json version",
      """
      info: encryption passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher no-https \
      authfile= json version
      """,
      "dump: no-https authfile= version",
      """
      inspect: passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher no-https authfile= \
      json version
      """,
      """
      check: no-https authfile= repair passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost \
      allow-cipher salvage= json q/quiet no-progress version
      """,
      "diff: json version",
      "new: capacity= launch= id= deterministic version",
      """
      add: datatype= parttype= partfs= partarch= signhash= signentity= sbomformat= message-format= \
      message-type= groupid= link= link-group= alignment= filename= deterministic q/quiet no-progress \
      version
      """,
      "del: zero compact deterministic q/quiet no-progress version",
      "setprim: deterministic q/quiet no-progress version",
      "compact: deterministic q/quiet no-progress version",
      "grow: capacity= deterministic q/quiet no-progress version",
      """
      sign: key=+ key-env= fingerprint= keyring= gpg= passphrase-fd= passphrase-file= group-id=+ \
      sif-id=+ deterministic q/quiet no-progress version
      """,
      """
      verify: key=+ keyring=+ signer=+ threshold= group-id=+ sif-id=+ all legacy-insecure strict \
      keyserver=+ q/quiet json version
      """,
      "key: version",
      """
      key new: user-id= rsa expires= no-passphrase passphrase-fd= passphrase-file= keyring= q/quiet \
      no-progress version
      """,
      "key list: secret keyring= q/quiet no-progress json version",
      "key import: keyring= q/quiet no-progress version",
      "key export: secret keyring= q/quiet no-progress version",
      "key remove: secret keyring= q/quiet no-progress version",
      "key search: l/long-list u/url= ca-file= json q/quiet no-progress version",
      "key pull: u/url= ca-file= g/global keyring= q/quiet no-progress version",
      "key push: u/url= ca-file= keyring= q/quiet no-progress version",
      """
      encrypt: id= passphrase-fd= passphrase-file= pem-path=+ format= kdf= kdf-memory= kdf-time= \
      sector-size= luks-offset= sign sign-key=+ sign-key-env= sign-fingerprint= sign-keyring= sign-gpg= \
      sign-passphrase-fd= sign-passphrase-file= deterministic json q/quiet no-progress version
      """,
      """
      decrypt: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher sign \
      sign-key=+ sign-key-env= sign-fingerprint= sign-keyring= sign-gpg= sign-passphrase-fd= \
      sign-passphrase-file= deterministic json q/quiet no-progress version
      """,
      """
      rekey: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher \
      new-passphrase-fd= new-passphrase-file= new-pem-path=+ keep remove kdf= kdf-memory= kdf-time= \
      deterministic json q/quiet no-progress version
      """,
      """
      ls: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher no-https authfile= \
      l/long R/recursive json ndjson version
      """,
      """
      cat: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher no-https authfile= \
      version
      """,
      """
      extract: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher no-https \
      authfile= C/directory= resume threads= manifest= q/quiet no-progress version
      """,
      """
      tar: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher no-https authfile= \
      o/output= q/quiet no-progress version
      """,
      """
      pack: deffile= labels= label=+ runscript= env=+ plain arch= compression= level= block-size= \
      threads= all-root no-xattrs encrypt passphrase-fd= passphrase-file= pem-path=+ kdf= kdf-memory= \
      kdf-time= sector-size= luks-offset= deterministic q/quiet no-progress version
      """,
      "map: svg= key=+ keyring=+ json q/quiet no-progress version",
      "carve: all min-confidence= extract= json q/quiet no-progress version",
      """
      hash: id= name= prefix= threads= limit= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost \
      allow-cipher algorithm= only=+ against= json ndjson q/quiet no-progress version
      """,
      """
      bodyfile: id= name= prefix= threads= limit= passphrase-fd= passphrase-file= pem-path=+ \
      allow-kdf-cost allow-cipher json ndjson q/quiet no-progress dfxml algorithm= version
      """,
      """
      report: o/output= deterministic key=+ keyring=+ passphrase-fd= passphrase-file= pem-path=+ \
      allow-kdf-cost allow-cipher json q/quiet no-progress version
      """,
      """
      scan: key=+ keyring=+ signer=+ threshold= strict shard= resume= x/one-file-system threads= limit= \
      q/quiet version
      """,
      """
      build: s/sandbox format= u/update F/force check section=+ T/notest build-arg=+ build-arg-file= \
      warn-unused-build-args B/bind=+ mount=+ nv rocm writable-tmpfs network= secret=+ f/fakeroot \
      ignore-subuid shell-on-failure fix-perms tmpdir= no-cleanup no-cache arch= platform= mirror=+ \
      disable-cache authfile= docker-username= docker-login library= no-https ca-file= ca-directory= \
      client-cert= client-key= insecure connect-timeout= stall-timeout= retries= connections= \
      docker-host= compression= level= block-size= threads= all-root no-xattrs encrypt passphrase-fd= \
      passphrase-file= pem-path=+ kdf= kdf-memory= kdf-time= sector-size= luks-offset= sign sign-key=+ \
      sign-key-env= sign-fingerprint= sign-keyring= sign-gpg= sign-passphrase-fd= sign-passphrase-file= \
      deterministic json q/quiet no-progress version
      """,
      """
      exec...: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher verify key=+ \
      keyring=+ signer=+ threshold= group-id=+ sif-id=+ all legacy-insecure strict B/bind=+ no-home \
      pwd|cwd= writable-tmpfs o/overlay=+ w/writable underlay fuse unsquash mount=+ H/home= W/workdir= \
      S/scratch=+ no-mount=+ env=+ env-file=+ e/cleanenv no-env=+ no-eval nv rocm nvccli no-nv no-rocm \
      device=+ cdi-dirs= containlibs=+ fusemount=+ c/contain C/containall p/pid i/ipc n/net uts \
      hostname= u/userns keep-keyring network= network-args=+ netns-path= dns=+ sharens f/fakeroot \
      ignore-subuid ignore-fakeroot-command ignore-userns add-caps=+ drop-caps=+ keep-privs no-privs \
      allow-setuid security=+ apply-cgroups= memory= memory-reservation= memory-swap! cpus= cpu-shares= \
      cpuset-cpus= cpuset-mems= pids-limit! blkio-weight= blkio-weight-device=+ no-https authfile= \
      docker-username= docker-login compat no-pid no-umask tmp-sandbox no-tmp-sandbox tmpdir= \
      runscript-timeout= oom-kill-disable no-init no-compat no-oci passphrase sif-fuse disable-cache \
      no-setgroups app= version
      """,
      """
      run...: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher verify key=+ \
      keyring=+ signer=+ threshold= group-id=+ sif-id=+ all legacy-insecure strict B/bind=+ no-home \
      pwd|cwd= writable-tmpfs o/overlay=+ w/writable underlay fuse unsquash mount=+ H/home= W/workdir= \
      S/scratch=+ no-mount=+ env=+ env-file=+ e/cleanenv no-env=+ no-eval nv rocm nvccli no-nv no-rocm \
      device=+ cdi-dirs= containlibs=+ fusemount=+ c/contain C/containall p/pid i/ipc n/net uts \
      hostname= u/userns keep-keyring network= network-args=+ netns-path= dns=+ sharens f/fakeroot \
      ignore-subuid ignore-fakeroot-command ignore-userns add-caps=+ drop-caps=+ keep-privs no-privs \
      allow-setuid security=+ apply-cgroups= memory= memory-reservation= memory-swap! cpus= cpu-shares= \
      cpuset-cpus= cpuset-mems= pids-limit! blkio-weight= blkio-weight-device=+ no-https authfile= \
      docker-username= docker-login compat no-pid no-umask tmp-sandbox no-tmp-sandbox tmpdir= \
      runscript-timeout= oom-kill-disable no-init no-compat no-oci passphrase sif-fuse disable-cache \
      no-setgroups app= version
      """,
      """
      shell...: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher verify key=+ \
      keyring=+ signer=+ threshold= group-id=+ sif-id=+ all legacy-insecure strict B/bind=+ no-home \
      pwd|cwd= writable-tmpfs o/overlay=+ w/writable underlay fuse unsquash mount=+ H/home= W/workdir= \
      S/scratch=+ no-mount=+ env=+ env-file=+ e/cleanenv no-env=+ no-eval nv rocm nvccli no-nv no-rocm \
      device=+ cdi-dirs= containlibs=+ fusemount=+ c/contain C/containall p/pid i/ipc n/net uts \
      hostname= u/userns keep-keyring network= network-args=+ netns-path= dns=+ sharens f/fakeroot \
      ignore-subuid ignore-fakeroot-command ignore-userns add-caps=+ drop-caps=+ keep-privs no-privs \
      allow-setuid security=+ apply-cgroups= memory= memory-reservation= memory-swap! cpus= cpu-shares= \
      cpuset-cpus= cpuset-mems= pids-limit! blkio-weight= blkio-weight-device=+ no-https authfile= \
      docker-username= docker-login compat no-pid no-umask tmp-sandbox no-tmp-sandbox tmpdir= \
      runscript-timeout= oom-kill-disable no-init no-compat no-oci passphrase sif-fuse disable-cache \
      no-setgroups app= s/shell= version
      """,
      """
      test...: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher verify key=+ \
      keyring=+ signer=+ threshold= group-id=+ sif-id=+ all legacy-insecure strict B/bind=+ no-home \
      pwd|cwd= writable-tmpfs o/overlay=+ w/writable underlay fuse unsquash mount=+ H/home= W/workdir= \
      S/scratch=+ no-mount=+ env=+ env-file=+ e/cleanenv no-env=+ no-eval nv rocm nvccli no-nv no-rocm \
      device=+ cdi-dirs= containlibs=+ fusemount=+ c/contain C/containall p/pid i/ipc n/net uts \
      hostname= u/userns keep-keyring network= network-args=+ netns-path= dns=+ sharens f/fakeroot \
      ignore-subuid ignore-fakeroot-command ignore-userns add-caps=+ drop-caps=+ keep-privs no-privs \
      allow-setuid security=+ apply-cgroups= memory= memory-reservation= memory-swap! cpus= cpu-shares= \
      cpuset-cpus= cpuset-mems= pids-limit! blkio-weight= blkio-weight-device=+ no-https authfile= \
      docker-username= docker-login compat no-pid no-umask tmp-sandbox no-tmp-sandbox tmpdir= \
      runscript-timeout= oom-kill-disable no-init no-compat no-oci passphrase sif-fuse disable-cache \
      no-setgroups app= version
      """,
      """
      run-help: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher no-https \
      authfile= app= version
      """,
      """
      mount: list fuse id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher verify \
      key=+ keyring=+ signer=+ threshold= group-id=+ sif-id=+ all legacy-insecure strict json version
      """,
      "unmount: lazy version",
      "overlay: version",
      "overlay create: s/size= S/sparse create-dir=+ f/fakeroot deterministic q/quiet no-progress version",
      "instance: version",
      """
      instance start...: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher \
      verify key=+ keyring=+ signer=+ threshold= group-id=+ sif-id=+ all legacy-insecure strict B/bind=+ \
      no-home pwd|cwd= writable-tmpfs o/overlay=+ w/writable underlay fuse unsquash mount=+ H/home= \
      W/workdir= S/scratch=+ no-mount=+ env=+ env-file=+ e/cleanenv no-env=+ no-eval nv rocm nvccli \
      no-nv no-rocm device=+ cdi-dirs= containlibs=+ fusemount=+ c/contain C/containall p/pid i/ipc \
      n/net uts hostname= u/userns keep-keyring network= network-args=+ netns-path= dns=+ sharens \
      f/fakeroot ignore-subuid ignore-fakeroot-command ignore-userns add-caps=+ drop-caps=+ keep-privs \
      no-privs allow-setuid security=+ apply-cgroups= memory= memory-reservation= memory-swap! cpus= \
      cpu-shares= cpuset-cpus= cpuset-mems= pids-limit! blkio-weight= blkio-weight-device=+ no-https \
      authfile= docker-username= docker-login compat no-pid no-umask tmp-sandbox no-tmp-sandbox tmpdir= \
      runscript-timeout= oom-kill-disable no-init no-compat no-oci passphrase sif-fuse disable-cache \
      no-setgroups app= pid-file= boot version
      """,
      """
      instance run...: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher verify \
      key=+ keyring=+ signer=+ threshold= group-id=+ sif-id=+ all legacy-insecure strict B/bind=+ \
      no-home pwd|cwd= writable-tmpfs o/overlay=+ w/writable underlay fuse unsquash mount=+ H/home= \
      W/workdir= S/scratch=+ no-mount=+ env=+ env-file=+ e/cleanenv no-env=+ no-eval nv rocm nvccli \
      no-nv no-rocm device=+ cdi-dirs= containlibs=+ fusemount=+ c/contain C/containall p/pid i/ipc \
      n/net uts hostname= u/userns keep-keyring network= network-args=+ netns-path= dns=+ sharens \
      f/fakeroot ignore-subuid ignore-fakeroot-command ignore-userns add-caps=+ drop-caps=+ keep-privs \
      no-privs allow-setuid security=+ apply-cgroups= memory= memory-reservation= memory-swap! cpus= \
      cpu-shares= cpuset-cpus= cpuset-mems= pids-limit! blkio-weight= blkio-weight-device=+ no-https \
      authfile= docker-username= docker-login compat no-pid no-umask tmp-sandbox no-tmp-sandbox tmpdir= \
      runscript-timeout= oom-kill-disable no-init no-compat no-oci passphrase sif-fuse disable-cache \
      no-setgroups app= pid-file= boot version
      """,
      "instance list: l/logs a/all u/user= j/json version",
      "instance stop: a/all F/force s/signal= t/timeout= u/user= q/quiet no-progress version",
      "instance stats: no-stream u/user= j/json version",
      """
      pull: name= dir= F/force oci keep-layers arch= platform= mirror=+ disable-cache authfile= \
      docker-username= docker-login library= no-https ca-file= ca-directory= client-cert= client-key= \
      insecure connect-timeout= stall-timeout= retries= connections= compression= level= block-size= \
      threads= all-root no-xattrs encrypt passphrase-fd= passphrase-file= pem-path=+ kdf= kdf-memory= \
      kdf-time= sector-size= luks-offset= deterministic json q/quiet no-progress version
      """,
      """
      push: annotation=+ join-index chunk-size= library= D/description= U/allow-unsigned authfile= \
      docker-username= docker-login no-https ca-file= ca-directory= client-cert= client-key= insecure \
      connect-timeout= stall-timeout= retries= connections= json q/quiet no-progress version
      """,
      """
      export: id= passphrase-fd= passphrase-file= pem-path=+ allow-kdf-cost allow-cipher no-https \
      authfile= F/force threads= q/quiet no-progress version
      """,
      """
      search: arch= signed library= no-https ca-file= ca-directory= client-cert= client-key= insecure \
      connect-timeout= stall-timeout= retries= connections= json q/quiet no-progress version
      """,
      """
      delete: arch= F/force library= no-https ca-file= ca-directory= client-cert= client-key= insecure \
      connect-timeout= stall-timeout= retries= connections= q/quiet no-progress version
      """,
      "remote: version",
      "remote add: g/global insecure no-default no-login tokenfile= ca-file= q/quiet no-progress version",
      "remote use: g/global e/exclusive q/quiet no-progress version",
      "remote remove: g/global q/quiet no-progress version",
      "remote list: json q/quiet no-progress version",
      "remote login: tokenfile= ca-file= q/quiet no-progress version",
      "remote logout: q/quiet no-progress version",
      "remote status: ca-file= json q/quiet no-progress version",
      "remote get-login-password: ca-file= q/quiet no-progress version",
      "keyserver: version",
      "keyserver add: o/order= insecure ca-file= q/quiet no-progress version",
      "keyserver remove: ca-file= q/quiet no-progress version",
      "keyserver list: json q/quiet no-progress version",
      """
      keyserver login: u/username= password-stdin insecure tokenfile= ca-file= q/quiet no-progress \
      version
      """,
      "keyserver logout: q/quiet no-progress version",
      "registry: version",
      """
      registry login: u/username= password-stdin authfile= no-https ca-file= ca-directory= client-cert= \
      client-key= insecure connect-timeout= stall-timeout= retries= connections= q/quiet no-progress \
      version
      """,
      "registry logout: authfile= q/quiet no-progress version",
      "registry list: authfile= json version",
      "cache: version",
      "cache list: T/type|types= v/verbose json version",
      "cache clean: T/type|types= D/days= limit= n/dry-run f/force q/quiet no-progress version",
      "config: version",
      "config check: json version",
      "config fakeroot: a/add r/remove e/enable d/disable version",
      "capability: version",
      "capability add: u/user= g/group= q/quiet no-progress version",
      "capability drop: u/user= g/group= q/quiet no-progress version",
      "capability list: json version",
      "capability avail: json version",
      "completion: version",
      "version: json version",
    ])
}
