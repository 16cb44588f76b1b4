"""token-server.py PORT-FILE LOG CERTIFICATE KEY

A token service as registries name it: GET with Basic for the user bob, whose password is "right word", or without a
login. A token is a JWT with ES256, signed with KEY (PEM), and has CERTIFICATE (PEM) in its head. Bob may do everything;
everybody may pull from repositories below public/. LOG gets a line for each request: account and scopes.
"""

import base64
import http.server
import json
import pathlib
import sys
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

port_file, log, certificate, key = map(pathlib.Path, sys.argv[1:])
der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
secret = serialization.load_pem_private_key(key.read_bytes(), None)
BOB = "Basic " + base64.b64encode(b"bob:right word").decode()


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(account, service, access):
    now = int(time.time())
    head = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
    claims = {
        "iss": "issuer", "sub": account, "aud": service, "exp": now + 300, "nbf": now - 60, "iat": now, "jti": "1",
        "access": access,
    }
    body = ".".join(text(json.dumps(part).encode()) for part in (head, claims))
    r, s = utils.decode_dss_signature(secret.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{body}.{text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        given = self.headers.get("Authorization")
        with log.open("a") as file:
            file.write(f"{'bob' if given == BOB else 'nobody'} {' '.join(query.get('scope', []))}\n")
        if given and given != BOB:
            return self.answer(401, {"details": "incorrect username or password"})
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            allowed = actions.split(",")
            if not given:
                allowed = [action for action in allowed if action == "pull" and name.startswith("public/")]
            access.append({"type": kind, "name": name, "actions": allowed})
        made = token("bob" if given else "", query["service"][0], access)
        self.answer(200, {"token": made, "expires_in": 300})


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
port_file.write_text(f"{server.server_port} ")
server.serve_forever()
