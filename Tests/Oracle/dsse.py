"""Signs and verifies DSSE envelopes with Python's cryptography package, for comparison.

sign KEY.pem...    payload on stdin, envelope on stdout
verify KEY.pem...  envelope on stdin, payload on stdout; every signature has to be one of the keys'
keyid KEY.pem      the key's SSH fingerprint
"""
import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

TYPE = "application/vnd.sylabs.sif-metadata+json"


def pae(kind, payload):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def keyid(public):
    line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def sign(private, message):
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(message, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(message, ec.ECDSA(hashes.SHA256()))
    return private.sign(message)


def verify(public, signature, message):
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            public.verify(signature, message)
        return True
    except InvalidSignature:
        return False


def main():
    command, paths = sys.argv[1], sys.argv[2:]
    data = [open(path, "rb").read() for path in paths]
    if command == "sign":
        payload = sys.stdin.buffer.read()
        keys = [serialization.load_pem_private_key(item, None) for item in data]
        signatures = [
            {"keyid": keyid(key.public_key()), "sig": base64.b64encode(sign(key, pae(TYPE, payload))).decode()}
            for key in keys
        ]
        envelope = {"payloadType": TYPE, "payload": base64.b64encode(payload).decode(), "signatures": signatures}
        sys.stdout.write(json.dumps(envelope, separators=(",", ":")))
        return
    keys = [serialization.load_pem_public_key(item) for item in data]
    if command == "keyid":
        print(keyid(keys[0]))
        return
    envelope = json.load(sys.stdin)
    payload = base64.b64decode(envelope["payload"])
    message = pae(envelope["payloadType"], payload)
    for entry in envelope["signatures"]:
        signature = base64.b64decode(entry["sig"])
        if not any(verify(key, signature, message) and entry["keyid"] == keyid(key) for key in keys):
            sys.exit("a signature of none of the keys")
    sys.stdout.buffer.write(payload)


main()
