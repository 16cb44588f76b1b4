"""lying-server.py DIRECTORY [CERTIFICATE KEY]

A web server that misbehaves, each way under a path of its own, for the tests of the network. It serves DIRECTORY/image.sif
and writes its two ports to DIRECTORY/ports when it listens: the first for everything, the second is another origin, which
answers every request with the image. DIRECTORY/requests gets a line for each request: port, method, path, Range and Authorization.
"""
import hashlib
import json
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

place = sys.argv[1]
with open(f"{place}/image.sif", "rb") as file:
    IMAGE = file.read()
DIGEST = "sha256:" + hashlib.sha256(IMAGE).hexdigest()
TAG = '"tag-of-the-image"'
counts = {}
lock = threading.Lock()
ports = []
scheme = "https" if len(sys.argv) > 2 else "http"


def count(name):
    with lock:
        counts[name] = counts.get(name, 0) + 1
        return counts[name]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def log(self):
        line = "\t".join([
            str(self.server.server_address[1]), self.command, self.path, self.headers.get("Range", "-"),
            self.headers.get("Authorization", "-")])
        with lock, open(f"{place}/requests", "a") as file:
            file.write(line + "\n")

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def head(self, status, fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()

    def cut(self):
        self.close_connection = True
        self.wfile.flush()
        try:
            self.connection.shutdown(2)
        except OSError:
            pass

    def whole(self, body=IMAGE, status=200, **fields):
        """The body, or the range of it that was asked for."""
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        asked = self.headers.get("Range")
        if asked and status == 200:
            first, last = asked.removeprefix("bytes=").split("-")
            first = int(first)
            last = min(int(last), len(body) - 1) if last else len(body) - 1
            if first >= len(body):
                return self.head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
            fields["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            status, body = 206, body[first:last + 1]
        self.head(status, {"Content-Length": str(len(body)), **fields})
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.log()
        try:
            if self.server.server_address[1] != ports[0] and self.path == "/asks":
                return self.whole(b"{}", 401, WWW_Authenticate='Basic realm="for 127.0.0.1"')
            if self.server.server_address[1] != ports[0]:
                return self.whole(ETag=TAG)
            parts = self.path.split("?")[0].strip("/").split("/")
            if parts[0] == "v2":
                return self.registry(parts[1:])
            getattr(self, "do_" + parts[0].replace("-", "_"))()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    # Files.

    def do_ok(self):
        self.whole(ETag=TAG)

    def do_short(self):
        """Fewer bytes than announced, each time."""
        self.head(200, {"Content-Length": str(len(IMAGE) + 1000)})
        self.wfile.write(IMAGE)
        self.cut()

    def do_untold(self):
        """No length at all."""
        self.head(200, {"Connection": "close"})
        self.wfile.write(IMAGE)
        self.close_connection = True

    def do_cut(self):
        """A part of what is left, each time."""
        asked = self.headers.get("Range")
        first = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        status = 206 if asked else 200
        fields = {"Content-Length": str(len(IMAGE) - first), "ETag": TAG}
        if asked:
            fields["Content-Range"] = f"bytes {first}-{len(IMAGE) - 1}/{len(IMAGE)}"
        self.head(status, fields)
        self.wfile.write(IMAGE[first:first + len(IMAGE) // 8 + 1])
        self.cut()

    def do_cut_without_ranges(self):
        """Half of it, then the whole to a range."""
        self.head(200, {"Content-Length": str(len(IMAGE)), "ETag": TAG})
        if count(self.path) == 1:
            self.wfile.write(IMAGE[:len(IMAGE) // 2])
            return self.cut()
        self.wfile.write(IMAGE)

    def do_changed(self):
        """Half of it, then another thing."""
        if count(self.path) == 1:
            self.head(200, {"Content-Length": str(len(IMAGE)), "ETag": TAG})
            self.wfile.write(IMAGE[:len(IMAGE) // 2])
            return self.cut()
        self.head(200, {"Content-Length": str(len(IMAGE)), "ETag": '"another"'})
        self.wfile.write(bytes(len(IMAGE)))

    def do_other_range(self):
        """Half of it, then another range than asked for."""
        if "Range" not in self.headers:
            self.head(200, {"Content-Length": str(len(IMAGE)), "ETag": TAG})
            self.wfile.write(IMAGE[:len(IMAGE) // 2])
            return self.cut()
        self.head(206, {"Content-Length": "100", "Content-Range": f"bytes 0-99/{len(IMAGE)}", "ETag": TAG})
        self.wfile.write(IMAGE[:100])

    def do_not_satisfiable(self):
        """Half of it, then no range at all. The length is that of the whole, as Debian's registry says it."""
        if "Range" not in self.headers:
            self.head(200, {"Content-Length": str(len(IMAGE)), "ETag": TAG})
            self.wfile.write(IMAGE[:len(IMAGE) // 2])
            return self.cut()
        self.head(416, {"Content-Length": str(len(IMAGE)), "Content-Range": f"bytes */{len(IMAGE)}"})
        time.sleep(60)

    def do_busy(self):
        """Not now, twice."""
        if count(self.path) <= 2:
            return self.whole(b"later", 503, Retry_After="0")
        self.whole(ETag=TAG)

    def do_limit(self):
        self.whole(b"{}", 429, Retry_After="3600", ratelimit_remaining="0;w=21600")

    def do_error(self):
        self.whole(b"no", 500, Retry_After="0")

    def do_loop(self):
        self.whole(b"", 302, Location=f"/loop/{count('loop')}")

    def do_to_plain(self):
        self.whole(b"", 302, Location=f"http://127.0.0.1:{ports[1]}/image.sif")

    def do_to_file(self):
        self.whole(b"", 302, Location="file:///etc/passwd")

    def do_to_other(self):
        self.whole(b"", 307, Location=f"{scheme}://127.0.0.1:{ports[1]}/image.sif")

    def do_relative(self):
        self.whole(b"", 301, Location="../ok/./image.sif?signature=secret")

    def do_drip(self):
        self.head(200, {"Content-Length": str(len(IMAGE)), "ETag": TAG})
        for byte in IMAGE:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.5)

    def do_silent(self):
        time.sleep(600)

    def do_slow(self):
        """The whole in small pieces, so that there is time to stop it."""
        asked = self.headers.get("Range")
        first = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        fields = {"Content-Length": str(len(IMAGE) - first), "ETag": TAG}
        if asked:
            fields["Content-Range"] = f"bytes {first}-{len(IMAGE) - 1}/{len(IMAGE)}"
        self.head(206 if asked else 200, fields)
        step = len(IMAGE) // 20 + 1
        for start in range(first, len(IMAGE), step):
            self.wfile.write(IMAGE[start:start + step])
            self.wfile.flush()
            time.sleep(0.1)

    def do_html(self):
        self.whole(b"<!DOCTYPE html><html><body>Please log in</body></html>", Content_Type="text/html")

    def do_endless(self):
        self.head(200, {"Connection": "close"})
        while True:
            self.wfile.write(bytes(1 << 16))

    def do_endless_head(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")

    def do_cut_in_head(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        self.cut()

    def do_nothing(self):
        self.cut()

    def do_rubbish(self):
        self.wfile.write(b"\x00\x01\x02 this is no HTTP\r\n\r\n" * 10)
        self.cut()

    def do_injection(self):
        self.whole(b"", 302, Location="https://evil\x1b[31m/\x07")

    # Registries: v2/NAME/manifests/TAG and v2/NAME/blobs/DIGEST; the name tells how they lie.

    def registry(self, parts):
        kind = parts[0] if parts else ""
        if kind == "token":
            return self.whole(b'{"token": "the-token"}')
        if kind == "token-that-asks":
            return self.whole(b"{}", 401, WWW_Authenticate='Basic realm="somebody else"')
        if kind == "identity-token":
            right = self.command == "POST" and b"refresh_token=the%20identity" in self.body
            return self.whole(b'{"access_token": "the-token"}' if right else b"{}", 200 if right else 401)
        if kind == "identity" and self.headers.get("Authorization") != "Bearer the-token":
            realm = f"{scheme}://127.0.0.1:{ports[0]}/v2/identity-token"
            return self.whole(b"{}", 401, WWW_Authenticate=f'Bearer realm="{realm}",service="s"')
        if kind == "secret" and self.headers.get("Authorization") != "Bearer the-token":
            realm = f"{scheme}://127.0.0.1:{ports[0]}/v2/token"
            return self.whole(
                b"{}", 401, WWW_Authenticate=f'Bearer realm="{realm}",service="s",scope="repository:secret/a:pull"')
        challenges = {
            "plain-realm": f'Bearer realm="http://127.0.0.1:{ports[0]}/v2/token"',
            "no-realm": 'Bearer service="s"', "file-realm": 'Bearer realm="file:///etc/passwd"',
            "strange": 'Digest realm="x", nonce="y"', "html-token": f'Bearer realm="{scheme}://127.0.0.1:{ports[0]}/html"',
            "basic": 'Basic realm="x"',
            "token-asks": f'Bearer realm="{scheme}://127.0.0.1:{ports[0]}/v2/token-that-asks"',
        }
        if kind in challenges:
            return self.whole(b"{}", 401, WWW_Authenticate=challenges[kind])
        if "blobs" in parts:
            if kind == "asks":
                return self.whole(b"", 307, Location=f"{scheme}://127.0.0.1:{ports[1]}/asks")
            if kind == "secret":
                return self.whole(b"", 307, Location=f"{scheme}://127.0.0.1:{ports[1]}/blob")
            if kind == "wrong-blob":
                return self.whole(IMAGE[:-1] + bytes([IMAGE[-1] ^ 1]))
            if kind == "long-blob":
                self.head(200, {"Connection": "close"})
                self.wfile.write(IMAGE + b"more")
                self.close_connection = True
                return None
            if kind == "missing":
                return self.whole(b'{"errors":[{"code":"BLOB_UNKNOWN","message":"not here"}]}', 404)
            return self.whole()
        layer = {"mediaType": "application/vnd.sylabs.sif.layer.v1.sif", "digest": DIGEST, "size": len(IMAGE)}
        config = {
            "mediaType": "application/vnd.sylabs.sif.config.v1+json", "size": 2,
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
            "layers": [layer]}
        if kind == "negative":
            layer["size"] = -5
        if kind == "huge":
            layer["size"] = 1 << 62
        if kind == "many":
            manifest["layers"] = [layer] * 10000
        if kind == "two":
            manifest["layers"] = [layer] * 2
        if kind == "container":
            config["mediaType"] = "application/vnd.oci.image.config.v1+json"
        body = json.dumps(manifest).encode()
        if kind == "deep":
            body = b"[" * 100 + b"]" * 100
        if kind == "html":
            body = b"<html>hello</html>"
        if kind == "escapes":
            body = b'{"errors":[{"code":"X","message":"\\u001b[31mred\\nforged"}]}'
            return self.whole(body, 404)
        if kind == "json-bomb":
            self.head(200, {"Connection": "close", "Content-Type": "application/json"})
            if self.command != "HEAD":
                self.wfile.write(b"[")
                while True:
                    self.wfile.write(b"1," * (1 << 15))
            return None
        type = "application/vnd.oci.image.manifest.v1+json"
        if kind == "cycle":
            type = "application/vnd.oci.image.index.v1+json"
            entry = {"mediaType": type, "size": 300, "digest": "sha256:" + "0" * 64}
            body = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        if kind == "wrong-manifest":
            digest = "sha256:" + "1" * 64
        return self.whole(body, Content_Type=type, Docker_Content_Digest=digest)


servers = []
for _ in range(2):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    ports.append(server.server_address[1])
    servers.append(server)
if scheme == "https":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    if len(sys.argv) > 4:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(sys.argv[4])
    for server in servers:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=servers[1].serve_forever, daemon=True).start()
with open(f"{place}/ports.new", "w") as file:
    file.write(" ".join(map(str, ports)))
os.rename(f"{place}/ports.new", f"{place}/ports")
servers[0].serve_forever()
