"""keyserver.py PORT-FILE LOG KEYS: a key server that lies, as the first part of the path says.

KEYS has files NAME.asc. Each request is a line of the log.
"""

import http.server
import pathlib
import sys
import time

port_file, log, keys = map(pathlib.Path, sys.argv[1:])


def key(name):
    return (keys / f"{name}.asc").read_bytes()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body, status=200, kind="application/pgp-keys", length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with log.open("a") as file:
            file.write(f"{self.command} {self.path} {self.headers.get('Authorization', '-')}\n")
        mode = self.path.split("/")[1]
        if mode == "other":
            self.answer(key("nistp256.pub"))
        elif mode == "both":
            self.answer(key("nistp256.pub") + key("ed25519.pub"))
        elif mode == "page":
            self.answer(b"<!DOCTYPE html><html><pre>\n" + key("ed25519.pub") + b"</pre></html>", kind="text/html")
        elif mode == "html":
            self.answer(b"<!DOCTYPE html><html>Welcome to the guest network</html>", kind="text/html")
        elif mode == "big":
            self.answer(b"A" * (10 << 20))
        elif mode == "secret":
            self.answer(key("ed25519.sec"))
        elif mode == "broken":
            self.answer(key("ed25519.pub").replace(b"\n\n", b"\n\n%%%%", 1))
        elif mode == "cut":
            self.answer(key("ed25519.pub")[:200], length=5000)
        elif mode == "empty":
            self.answer(b"")
        elif mode == "500":
            self.answer(b"oops", 500, "text/plain")
        elif mode == "403":
            self.answer(b'{"error":{"code":403,"message":"\\u001b[31m no \\u202e"}}', 403, "application/json")
        elif mode == "404":
            self.answer(b"<html>", 404, "text/html")
        elif mode == "slow":
            self.answer(b"-", length=4096)
            time.sleep(60)
        elif mode == "file":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif mode == "names":
            text = "\u001b[31mred\u202e\nsound: forged"
            encoded = "".join(f"%{byte:02X}" for byte in text.encode())
            self.answer(f"info:1:70\r\npub:0123456789ABCDEF0123456789ABCDEF01234567:1:2048:1:2:re\r\nuid:{encoded}:1::\r\n".encode())
        else:
            self.answer(b"", 400)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
port_file.write_text(f"{server.server_port} ")
server.serve_forever()
