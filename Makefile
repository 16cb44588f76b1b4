# make demo    install the packages it needs, build, pack a real root file system into an image and inspect it
# make test    install the packages it needs, build, run all tests
# make install install siftool, its man pages, completions and licences under PREFIX
# make install-names   let it be called by the runtimes' names: singularity, apptainer and run-singularity
# make bench, make fuzz, make lint, make docs

PREFIX ?= /usr/local
SWIFT ?= swift
RELEASE = .build/release/siftool
# siftool is one file that starts fast and runs wherever this glibc does: it contains the libraries that it always needs,
# and relocations are packed (docs/decisions/0008-one-static-file.md).
STATIC = .build/static
ARCHIVES = $(addprefix $(STATIC)/lib,$(addsuffix .a,stdc++ squashfs lzma lz4 zstd z deflate gcrypt gpg-error sodium seccomp yaml))
ORDER = Scripts/startup-order.txt
# The cached build plan is disabled, because it could come from a build with other flags, such as `swift build -c release`.
RELEASE_FLAGS = -c release --disable-build-manifest-caching --product siftool --static-swift-stdlib --disable-local-rpath \
  -Xswiftc -L$(CURDIR)/$(STATIC) -Xlinker -llzma -Xlinker -llz4 -Xlinker -lgpg-error \
  -Xswiftc -Xclang-linker -Xswiftc -static-libgcc -Xswiftc -use-ld=lld -Xlinker -z -Xlinker pack-relative-relocs \
  -Xlinker --no-export-dynamic -Xlinker --strip-debug -Xlinker --symbol-ordering-file=$(CURDIR)/$(ORDER) \
  -Xlinker --no-warn-symbol-ordering
MAN = .build/man
# The products, as the reference documents them.
MODULES = Bytes LinuxSystem StrictJSON Gcrypt SIF Squash LUKS Gocryptfs OpenPGP PEMKeys DSSE ShellScript OCI Definition ExecutionControl \
  ImageTrust Partitions Forensics ImageBuild Accelerators SIFRuntime Instances Transport Registry Library Keyserver Remotes \
  ImageFetch
SECONDS_PER_TARGET ?= 60

.PHONY: demo test install install-names bench fuzz lint docs release packages test-packages clean

packages:
	Scripts/install-packages.sh build

test-packages:
	Scripts/install-packages.sh build test
	Scripts/install-python.sh

$(STATIC)/lib%.a: | packages
	mkdir -p $(STATIC)
	ln -sf "$$(gcc -print-file-name=lib$*.a)" $@

release: packages $(ARCHIVES)
	# The build does not know that the order is an input.
	[ $(RELEASE) -nt $(ORDER) ] || rm -f $(RELEASE)
	$(SWIFT) build $(RELEASE_FLAGS)

demo: release
	Scripts/install-packages.sh demo
	Scripts/demo.sh $(RELEASE)

# The tests run the tool as it is shipped, not a debug build of it.
test: test-packages lint release
	SWIFT="$(SWIFT)" Scripts/test.sh $(RELEASE)

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests Fuzz Examples/Package.swift Examples/Sources
	Scripts/check-links.sh
	Scripts/check-floors.sh

# One man page for each command, made from the commands themselves.
$(MAN): release
	rm -rf $(MAN)
	mkdir -p $(MAN)
	# A build directory of its own: the plugin builds the tool without the release flags, and would replace the released one.
	$(SWIFT) package --scratch-path .build/manual plugin --allow-writing-to-directory $(CURDIR)/$(MAN) generate-manual --multi-page \
	  --output-directory $(CURDIR)/$(MAN)

install: release $(MAN)
	install -D -m 755 $(RELEASE) $(DESTDIR)$(PREFIX)/bin/siftool
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(MAN)/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	$(RELEASE) completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/siftool
	$(RELEASE) completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/siftool.fish
	$(RELEASE) completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_siftool
	install -d $(DESTDIR)$(PREFIX)/share/doc/swift-sif
	install -m 644 LICENSE NOTICE $(DESTDIR)$(PREFIX)/share/doc/swift-sif/
	SWIFT="$(SWIFT)" Scripts/copy-licences.sh $(DESTDIR)$(PREFIX)/share/doc/swift-sif/licences

# Not a part of `install`: a site may have the real ones.
install-names:
	install -d $(DESTDIR)$(PREFIX)/bin
	set -e; for name in singularity apptainer run-singularity; do \
	  file=$(DESTDIR)$(PREFIX)/bin/$$name; \
	  if [ -e $$file ] && [ "$$(readlink $$file)" != siftool ]; then echo "$$file exists, and is another program" >&2; exit 1; fi; \
	  ln -sfn siftool $$file; \
	done

bench: release
	Scripts/install-packages.sh test
	Benchmarks/run.sh $(CURDIR)/$(RELEASE)

# Fuzzes every entry point for SECONDS_PER_TARGET; a crash ends the run and names its input.
fuzz: packages
	Fuzz/run.sh $(SECONDS_PER_TARGET)

docs: packages
	$(SWIFT) package --allow-writing-to-directory $(CURDIR)/.build/documentation generate-documentation \
	  $(addprefix --target ,$(MODULES)) --enable-experimental-combined-documentation \
	  --output-path $(CURDIR)/.build/documentation

clean:
	rm -rf .build
