#!/usr/bin/env python3
"""layout.py CASE DIRECTORY   makes an image layout of OCI whose layers show what CASE names"""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

TIME = 1700000000
SYMLINK, LINK, DIRECTORY = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


class Layer:
    """A tar archive that is made entry by entry."""

    def __init__(self):
        self.file = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.file, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, data=b"", mode=0o644, owner=(0, 0), link="", time=TIME, device=(0, 0), pax=None):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.linkname, entry.mtime, entry.size = kind, mode, link, time, len(data)
        entry.uid, entry.gid = owner
        entry.devmajor, entry.devminor = device
        entry.pax_headers = pax or {}
        self.tar.addfile(entry, io.BytesIO(data))
        return self

    def directory(self, *names, **options):
        for name in names:
            self.add(name, DIRECTORY, **({"mode": 0o755} | options))
        return self

    def raw(self, data):
        self.file.write(data)
        self.tar.offset += len(data)
        return self

    def bytes(self):
        self.tar.close()
        return self.file.getvalue()


class Layout:
    """Blobs, and the documents that refer to them."""

    def __init__(self, path):
        self.path = path
        os.makedirs(path + "/blobs/sha256")
        self.write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    def write(self, name, data):
        with open(f"{self.path}/{name}", "wb") as file:
            file.write(data)

    def blob(self, data, kind):
        name = hashlib.sha256(data).hexdigest()
        self.write("blobs/sha256/" + name, data)
        return {"mediaType": kind, "digest": "sha256:" + name, "size": len(data)}

    def document(self, value, kind):
        return self.blob(json.dumps(value).encode(), f"application/vnd.oci.image.{kind}.v1+json")

    def index(self, *entries):
        return {"schemaVersion": 2, "manifests": list(entries)}

    def layer(self, data, compression):
        if compression == "gzip":
            packed = gzip.compress(data, mtime=0)
        elif compression == "zstd":
            packed = subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
        else:
            packed = data
        suffix = "" if compression == "none" else "+" + compression
        return self.blob(packed, "application/vnd.oci.image.layer.v1.tar" + suffix)

    def image(self, layers, compression="gzip", ids=None, settings=None, platform=("linux", "amd64"), packed=None):
        data = [layer if isinstance(layer, bytes) else layer.bytes() for layer in layers]
        ids = ids or ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in data]
        config = self.document(
            {
                "os": platform[0], "architecture": platform[1], "config": settings or {},
                "rootfs": {"type": "layers", "diff_ids": ids}, "history": [{} for _ in ids],
            }, "config")
        return self.document(
            {
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                "layers": packed(self) if packed else [self.layer(layer, compression) for layer in data],
            }, "manifest")

    def save(self, *entries, name="v1"):
        for entry in entries:
            entry.setdefault("annotations", {"org.opencontainers.image.ref.name": name})
        self.write("index.json", json.dumps(self.index(*entries)).encode())


def everything():
    """Layers with every kind of change that one layer can make to those below it."""
    base = Layer().directory("./", "bin", "etc", "usr", "usr/bin", "usr/lib", "var", "var/cache", "opt", "opt/old", "opt/keep")
    base.add("etc/passwd", data=b"root:x:0:0::/:/bin/sh\n").add("etc/shadow", data=b"s", mode=0o600, owner=(0, 42))
    base.add("usr/bin/su", data=b"#!su" * 10, mode=0o4755).add("usr/bin/tool", data=b"tool" * 50000, mode=0o755)
    base.add("usr/bin/tool2", LINK, link="usr/bin/tool").add("lib", SYMLINK, link="usr/lib").add("data", SYMLINK, link="/var/cache")
    base.add("null", tarfile.CHRTYPE, device=(1, 3), mode=0o666).add("block", tarfile.BLKTYPE, device=(7, 300), mode=0o660)
    base.add("fifo", tarfile.FIFOTYPE, mode=0o600).directory("tmp", mode=0o1777)
    base.add("opt/old/a", data=b"a").add("opt/old/b", data=b"b").add("opt/keep/c", data=b"c" * 300000).add("opt/keep/d", data=b"d")
    base.add("var/cache/x", data=b"x", owner=(1000, 1000), pax={"SCHILY.xattr.user.color": "blue", "SCHILY.xattr.security.selinux": "a"})
    base.add("var/cache/z", data=b"z", owner=(1000, 1000), pax={"SCHILY.xattr.user.color": "blue"})
    base.add("etc/motd", data=b"hello").add("usr/lib/libz.so", data=b"z" * 999)
    base.directory("was-directory").add("was-directory/in", data=b"1").add("was-file", data=b"2")
    base.add("one", data=b"1" * 200000).add("two", LINK, link="one").directory("gone", "gone/deep").add("gone/deep/file", data=b"g")
    second = Layer().directory("opt/old").add("opt/old/.wh..wh..opq").add("opt/old/new", data=b"n").add("opt/keep/.wh.d")
    second.add("etc/motd", data=b"bye", mode=0o600).add("was-directory", data=b"now a file")
    second.directory("was-file").add("was-file/x", data=b"x").add("usr/bin/tool3", LINK, link="usr/bin/tool")
    second.add("nothing/.wh.there").add(".wh.absent").add("only/.wh.this")
    third = Layer().add("usr/bin/.wh.tool").add("etc/long" + "n" * 150, data=b"long").add("etc/twice", data=b"1").add("etc/twice", data=b"22")
    third.directory("was-directory", mode=0o700).add("was-directory/again", data=b"g")
    third.add("opt/keep/c2", LINK, link="opt/keep/c").add("opt/keep/.wh.c").add(".wh.gone")
    fourth = Layer().add("lib/libnew.so", data=b"new").add("lib/libz.so", data=b"replaced").add("data/y", data=b"y").add("etc/.wh.shadow")
    fourth.add("first", data=b"h" * 200000).add("further", LINK, link="first").directory("gone").add("gone/again", data=b"a")
    fifth = Layer().add(".wh.first").add(".wh.one").add("usr/bin/new", data=b"nn", mode=0o6755, owner=(5, 6))
    fifth.directory("opt/keep", mode=0o750, owner=(7, 0)).add("data/.wh.x")
    return [base, second, third, fourth, fifth]


def gnu_header(name, kind, size, fill=None):
    entry = tarfile.TarInfo(name)
    entry.size, entry.type, entry.mtime = size, kind, TIME
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    for place, text in (fill or {}).items():
        block[place:place + len(text)] = text
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(**records):
    lines = b""
    for key, value in records.items():
        key, rest = key.replace("__", ".").encode(), len(key.replace("__", ".")) + len(value) + 3
        count = rest + 1
        while len(str(count)) + rest != count:
            count = len(str(count)) + rest
        lines += b"%d %s=%s\n" % (count, key, value)
    return gnu_header("pax", b"x", len(lines)) + lines + bytes(-len(lines) % 512)


def main():
    case, layout = sys.argv[1], Layout(sys.argv[2])
    settings = {
        "Env": ["PATH=/usr/bin:/bin", "QUOTED=b \"$x\"`'", "NONE"], "Entrypoint": ["/bin/echo", "it's"], "Cmd": ["$HOME"],
        "Labels": {"maintainer": "nobody"}, "WorkingDir": "/tmp", "User": "7",
    }
    one = Layer().add("file", data=b"content" * 100)
    if case in ("gzip", "zstd", "none"):
        return layout.save(layout.image(everything(), case, settings=settings))
    if case == "platforms":
        entries = []
        for os_name, architecture, variant in [
            ("windows", "amd64", None), ("linux", "arm", "v6"), ("linux", "arm64", "v8"), ("linux", "amd64", None), ("linux", "arm", "v5"),
        ]:
            name = f"{os_name}-{architecture}-{variant or ''}"
            entry = layout.image([Layer().add("platform", data=name.encode())], platform=(os_name, architecture))
            entry["platform"] = {"os": os_name, "architecture": architecture} | ({"variant": variant} if variant else {})
            entries.append(entry)
        entries.insert(0, layout.image([one]) | {"platform": {"os": "unknown", "architecture": "unknown"}})
        return layout.save(layout.document(layout.index(layout.document(layout.index(*entries), "index")), "index"))
    if case == "several":
        first, second = layout.image([one]), layout.image([Layer().add("other")])
        first["annotations"] = {"org.opencontainers.image.ref.name": "docker.io/library/one:1"}
        second["annotations"] = {"org.opencontainers.image.ref.name": "two\x1b[31m"}
        return layout.save(first, second)

    # What follows is hostile.
    if case == "bomb":
        layer = Layer()
        layer.tar.close()
        header = gnu_header("zeros", b"0", 3 << 30)
        packed = gzip.compress(header, mtime=0) + gzip.compress(bytes(1 << 20), mtime=0) * 3072 + gzip.compress(bytes(1024), mtime=0)
        digest = hashlib.sha256(header)
        for _ in range(3072):
            digest.update(bytes(1 << 20))
        digest.update(bytes(1024))
        return layout.save(layout.image(
            [b""], ids=["sha256:" + digest.hexdigest()],
            packed=lambda layout: [layout.blob(packed, "application/vnd.oci.image.layer.v1.tar+gzip")]))
    if case == "endless":
        return layout.save(layout.image([one.bytes() + bytes(100 << 20)]))
    if case == "many-layers":
        return layout.save(layout.image([one], packed=lambda layout: [layout.layer(one.bytes(), "gzip")] * 10000))
    if case == "deep-index":
        entry = layout.image([one])
        for _ in range(20):
            entry = layout.document(layout.index(entry), "index")
        return layout.save(entry)
    if case == "index-of-itself":
        entry = layout.document(layout.index(), "index")
        layout.write("blobs/sha256/" + entry["digest"][7:], json.dumps(layout.index(entry)).encode())
        entry["size"] = len(json.dumps(layout.index(entry)))
        return layout.save(entry)
    if case in ("missing-layer", "missing-config", "negative", "huge", "too-long", "changed"):
        entry = layout.image([one])
        path = f"{layout.path}/blobs/sha256/{entry['digest'][7:]}"
        manifest = json.load(open(path))
        layer = manifest["layers"][0]
        if case == "missing-layer":
            os.remove(f"{layout.path}/blobs/sha256/{layer['digest'][7:]}")
        elif case == "missing-config":
            os.remove(f"{layout.path}/blobs/sha256/{manifest['config']['digest'][7:]}")
        elif case == "changed":
            data = bytearray(open(f"{layout.path}/blobs/sha256/{layer['digest'][7:]}", "rb").read())
            data[4] ^= 1  # the time in the header of gzip, which nothing else checks
            layout.write("blobs/sha256/" + layer["digest"][7:], data)
        else:
            layer["size"] = {"negative": -1, "huge": (1 << 63) - 1, "too-long": layer["size"] + 1}[case]
            entry = layout.document(manifest, "manifest")
        return layout.save(entry)
    if case == "wrong-diff-id":
        return layout.save(layout.image([one, one], ids=["sha256:" + hashlib.sha256(one.bytes()).hexdigest(), "sha256:" + "0" * 64]))
    if case == "fewer-diff-ids":
        return layout.save(layout.image([one, one], ids=["sha256:" + hashlib.sha256(one.bytes()).hexdigest()]))
    if case == "cut-archive":
        return layout.save(layout.image([one.bytes()[:900]]))
    if case == "cut-gzip":
        packed = gzip.compress(one.bytes(), mtime=0)
        return layout.save(layout.image(
            [one], packed=lambda layout: [layout.blob(packed[:-20], "application/vnd.oci.image.layer.v1.tar+gzip")]))
    if case == "artifact":
        config = layout.blob(b"{}", "application/vnd.oci.empty.v1+json")
        return layout.save(layout.document({"schemaVersion": 2, "config": config, "layers": []}, "manifest"))
    if case == "not-a-layer":
        packed = layout.layer(one.bytes(), "gzip") | {"mediaType": "application/vnd.in-toto+json"}
        return layout.save(layout.image([one], packed=lambda _: [packed]))
    if case == "schema-1":
        entry = layout.blob(b"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws")
        return layout.save(entry)
    if case == "deep-json":
        return layout.save(layout.blob(b"[" * 100 + b"]" * 100, "application/vnd.oci.image.manifest.v1+json"))

    layers = {
        "up": lambda: [Layer().add("../../up", data=b"x")],
        "inside": lambda: [Layer().add("a/../b", data=b"x").add("/absolute/./name", data=b"y").add("//twice//slash/", DIRECTORY, mode=0o700)],
        "link-up": lambda: [Layer().add("here", LINK, link="../../etc/passwd")],
        "through-symlink": lambda: [
            Layer().add("out", SYMLINK, link="/../../outside/").add("loop", SYMLINK, link="loop"),
            Layer().add("out/file", data=b"x").add("up", SYMLINK, link="../../../outside").add("up/other", data=b"y"),
        ],
        "symlink-loop": lambda: [Layer().add("loop", SYMLINK, link="loop"), Layer().add("loop/file", data=b"x")],
        "whiteout-alone": lambda: [Layer().add(".wh.")], "whiteout-up": lambda: [one, Layer().add("a/.wh...")],
        "aufs": lambda: [one, Layer().directory(".wh..wh.plnk").add(".wh..wh.plnk/1.2", data=b"x").add(".wh..wh.aufs").directory(".wh..wh.orph")],
        "link-to-nothing": lambda: [one, Layer().add("link", LINK, link="nothing")],
        "links-in-a-circle": lambda: [Layer().add("a", LINK, link="b").add("b", LINK, link="a")],
        "link-to-directory": lambda: [Layer().directory("d").add("link", LINK, link="d")],
        "later-target": lambda: [Layer().add("link", LINK, link="target").add("target", data=b"t" * 5000)],
        "device": lambda: [Layer().add("big", tarfile.CHRTYPE, device=(4095, 1048575)).add("kmem", tarfile.CHRTYPE, device=(1, 2), mode=0o4777)],
        "large-device": lambda: [Layer().add("big", tarfile.CHRTYPE, device=(1 << 20, 0))],
        "duplicates": lambda: [
            Layer().add("a", data=b"1").directory("a").add("a/x", data=b"2").add("b", data=b"1").add("b", SYMLINK, link="a").add("c", data=b"1").add("c", data=b"3")
            .directory("d").add("d/x").add("d", data=b"4"),
            Layer().add("d/over", data=b"5"),
        ],
        "long-component": lambda: [Layer().add("n" * 300)], "deep": lambda: [Layer().add("d/" * 5000 + "f")],
        "escapes": lambda: [Layer().add("e\x1b[31m\u202e", data=b"x").add("l", SYMLINK, link="\x1b]0;x\x07")],
        "escapes-in-error": lambda: [Layer().add("e\x1b[31m\u202e\n/../../x", data=b"x")],
        "unknown-type": lambda: [Layer().add("odd\x1b[31m", b"Z", data=b"zz").add("file", data=b"f")],
        "sparse-old": lambda: [Layer().raw(
            gnu_header("sparse", b"S", 512, {386: b"%011o\0%011o\0" % (1 << 20, 512), 483: b"%011o\0" % (2 << 20)}) + b"s" * 512)],
        "sparse-0.0": lambda: [Layer().raw(
            pax(GNU__sparse__size=b"2097152", GNU__sparse__numblocks=b"1", GNU__sparse__offset=b"1048576", GNU__sparse__numbytes=b"512")
            + gnu_header("sparse", b"0", 512) + b"s" * 512)],
        "sparse-0.1": lambda: [Layer().raw(
            pax(GNU__sparse__size=b"2097152", GNU__sparse__numblocks=b"1", GNU__sparse__map=b"1048576,512", GNU__sparse__name=b"sparse")
            + gnu_header("x", b"0", 512) + b"s" * 512)],
        "sparse-1.0": lambda: [Layer().raw(
            pax(GNU__sparse__major=b"1", GNU__sparse__minor=b"0", GNU__sparse__realsize=b"2097152", GNU__sparse__name=b"sparse")
            + gnu_header("x", b"0", 1024) + b"1\n1048576\n512\n".ljust(512, b"\0") + b"s" * 512)],
        "sparse-huge": lambda: [Layer().raw(
            pax(GNU__sparse__size=b"9223372036854775807", GNU__sparse__numblocks=b"0", GNU__sparse__map=b"") + gnu_header("sparse", b"0", 0))],
        "sparse-negative": lambda: [Layer().raw(
            pax(GNU__sparse__size=b"-5", GNU__sparse__numblocks=b"0") + gnu_header("sparse", b"0", 0))],
        "sparse-overlap": lambda: [Layer().raw(
            pax(GNU__sparse__size=b"1024", GNU__sparse__map=b"512,512,0,512") + gnu_header("sparse", b"0", 1024) + b"s" * 1024)],
        "pax-size": lambda: [Layer().raw(pax(size=b"9223372036854775807") + gnu_header("f", b"0", 0))],
        "pax-size-unknown-type": lambda: [Layer().raw(pax(size=b"9223372036854775807") + gnu_header("f", b"Z", 0))],
        "pax-negative-size": lambda: [Layer().raw(pax(size=b"-1") + gnu_header("f", b"0", 0))],
        "pax-length": lambda: [Layer().raw(gnu_header("pax", b"x", 30) + b"999999999999999999999 path=x\n ".ljust(512, b"\0") + gnu_header("f", b"0", 0))],
        "pax-values": lambda: [Layer().add(
            "p", data=b"1", owner=(4294967294, 4294967294), time=-1.5, pax={"SCHILY.xattr.user.big": "v" * 60000, "mtime": "-99999999999.5"})],
        "pax-owner": lambda: [Layer().raw(pax(uid=b"99999999999999") + gnu_header("f", b"0", 0))],
        "pax-many": lambda: [Layer().raw((gnu_header("pax", b"x", 12 << 20) + b"20 comment=%08d\n" % 7 + bytes((12 << 20) - 20)) * 2 + gnu_header("f", b"0", 0))],
    }[case]()
    layout.save(layout.image(layers))


main()
