"""library.py PORT-FILE LOG [STORAGE]: a site with a container library, a service for tokens, and storage on another port.

The first part of the path is a mode: /ok does what the services of Sylabs do; others differ or lie as their name says. All
modes share what was put there. Each request is a line of the log: server, method, path, Authorization.

STORAGE is the address of a storage with the interface of S3. The mode "s3" leads there, by presigned addresses that boto3 makes.
"""

import hashlib
import http.server
import json
import pathlib
import re
import sys
import threading
import urllib.parse

port_file, log = map(pathlib.Path, sys.argv[1:3])
s3 = None
if len(sys.argv) > 3:
    import boto3

    s3 = boto3.client(
        "s3", endpoint_url=sys.argv[3], region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    s3.create_bucket(Bucket="images")
TOKEN = "good.token-1"
lock = threading.Lock()
entities, collections, containers, images, tags, parts, cut = {}, {}, {}, {}, {}, {}, set()
PART = 32 << 20


def presigned(call, name, **more):
    return s3.generate_presigned_url(call, Params={"Bucket": "images", "Key": name, **more})


def stored(name):
    return s3.get_object(Bucket="images", Key=name)["Body"].read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    role = "library"

    def log_message(self, *arguments):
        pass

    def note(self):
        with lock, log.open("a") as file:
            file.write(f"{self.role} {self.command} {self.path} {self.headers.get('Authorization', '-')}\n")

    def send(self, body, status=200, kind="application/json", fields=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def data(self, value, status=200):
        self.send(json.dumps({"data": value}).encode(), status)

    def error(self, status, message):
        if getattr(self, "mode", "") == "other-errors":
            value = {"status": "error", "errors": [{"title": "refused", "detail": message, "code": status}]}
        else:
            value = {"error": {"code": status, "message": message}}
        self.send(json.dumps(value).encode(), status)

    def body(self):
        length = int(self.headers.get("Content-Length", 0))
        return self.rfile.read(length)

    def file(self, content):
        """A file, with ranges; in the mode "cut" the first answer ends in its middle."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(content) - 1
        if match:
            first = int(match[1])
            last = min(int(match[2]) if match[2] else last, last)
            if first > last:
                return self.send(b"", 416, fields=[("Content-Range", f"bytes */{len(content)}")])
        piece = content[first:last + 1]
        self.send_response(206 if match else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(piece)))
        if match:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        if not match and "/cut/" in self.path:
            self.wfile.write(piece[:len(piece) // 2])
            self.close_connection = True
            return
        self.wfile.write(piece)


class Storage(Handler):
    """What presigned addresses lead to. A token must never come here."""

    role = "storage"

    def do_GET(self):
        self.note()
        if self.headers.get("Authorization"):
            return self.send(b"a token for somebody else", 400, "text/plain")
        image = images.get(self.path.split("?")[0].split("/")[-1])
        if not image:
            return self.send(b"<Error>NoSuchKey</Error>", 404, "application/xml")
        content = image["content"]
        mode = self.path.split("/")[1]
        if mode == "altered":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if mode == "page":
            return self.send(b"<html>Please log in</html>", 200, "text/html")
        if mode == "whole":
            return self.send(content, 200)
        self.file(content)

    def do_PUT(self):
        self.note()
        content = self.body()
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        signed = query.get("X-Amz-SignedHeaders", [""])[0].split(";")
        digest = hashlib.sha256(content).hexdigest()
        if self.headers.get("Authorization"):
            return self.send(b"a token for somebody else", 400, "text/plain")
        if "x-amz-content-sha256" in signed and self.headers.get("x-amz-content-sha256") != digest:
            return self.send(b"<Error>XAmzContentSHA256Mismatch</Error>", 400, "application/xml")
        name = self.path.split("?")[0].split("/")[-1]
        if "part" in query:
            number = int(query["part"][0])
            if "badpart" in self.path and number == 2:
                return self.send(b"<Error>InternalError</Error>", 500, "application/xml")
            parts.setdefault(name, {})[number] = content
            return self.send(b"", 200, fields=[("ETag", f'"{digest[:32]}"')])
        images[name]["upload"] = content
        self.send(b"", 200)


class Library(Handler):
    def allowed(self):
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self.error(401, "no valid token")
        return False

    def split(self):
        url = urllib.parse.urlparse(self.path)
        _, self.mode, path = url.path.split("/", 2) if url.path.count("/") > 1 else ("", "", "")
        self.query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        return path

    def base(self, mode=None):
        return f"http://127.0.0.1:{library.server_port}/{mode or self.mode}"

    def find(self, reference, arch):
        path, _, tag = reference.partition(":")
        container = containers.get(path)
        if not container:
            return None
        if tag.startswith("sha256."):
            return next((i for i in images.values() if i["hash"] == tag and i["container"] == container["id"]), None)
        return images.get(tags.get(container["id"], {}).get(arch, {}).get(tag))

    def show(self, image):
        container = next(c for c in containers.values() if c["id"] == image["container"])
        entity, collection, name = container["path"].split("/")
        named = [t for per in tags.get(container["id"], {}).values() for t, i in per.items() if i == image["id"]]
        return {
            "id": image["id"], "hash": image["hash"], "size": len(image.get("content", b"")),
            "uploaded": "content" in image, "arch": image.get("arch", "amd64"), "entityName": entity,
            "collectionName": collection, "containerName": name, "tags": sorted(named),
            "description": image["description"], "fingerprints": ["AB" * 20], "customData": None, "unknown": {"x": [1]},
        }

    def do_GET(self):
        self.note()
        path = self.split()
        if path == "assets/config/config.prod.json":
            services = {name + "API": {"uri": self.base()} for name in ("library", "keystore", "token", "builder")}
            services["libraryAPI"]["registryUri"] = "http://127.0.0.1:1"
            services["flag"] = True
            if self.mode == "foreign":
                services["tokenAPI"]["uri"] = "http://127.0.0.1:1"
            return self.send(json.dumps(services).encode())
        if self.mode == "html":
            return self.send(b"<!DOCTYPE html><html>Welcome</html>", 200, "text/html")
        if self.mode == "deep":
            return self.send(b'{"data":' * 5000, 200)
        if path == "version":
            if self.mode == "old":
                return self.error(404, "not found")
            return self.data({"version": "v1.2.0", "apiVersion": "2.0.0-alpha.2"})
        if path == "v1/oci-redirect" and self.mode.startswith("registry-"):
            return self.send(json.dumps({
                "token": "for-the-registry", "url": f"http://127.0.0.1:{self.mode[9:]}/", "name": "behind/" + self.query["namespace"],
            }).encode())
        if path == "v1/token-status":
            return self.data({}) if self.allowed() else None
        if path == "v1/rbac/users/current":
            if self.allowed():
                self.send(json.dumps({"username": "bob", "oidc_user_meta": {"secret": "s3cret"}}).encode())
            return
        kind, _, name = path.removeprefix("v1/").partition("/")
        if kind == "entities" and name in entities:
            return self.data(entities[name])
        if kind == "collections" and name in collections:
            return self.data(collections[name])
        if kind == "containers" and name in containers:
            return self.data(containers[name])
        if kind == "images":
            image = self.find(name, self.query.get("arch"))
            if self.mode == "oci":
                return self.error(400, "manifest has type application/vnd.oci.image.config.v1+json")
            if image:
                shown = self.show(image)
                if self.mode == "size":
                    shown["size"] = 7
                return self.data(shown)
        if kind == "imagefile":
            image = self.find(name, self.query.get("arch"))
            if image and self.mode in ("stream", "cut"):
                return self.file(image["content"])
            if image:
                target = f"http://127.0.0.1:{storage.server_port}/{self.mode}/{image['id']}?X-Amz-Signature=secret"
                if self.mode == "s3":
                    target = presigned("get_object", image["id"])
                if self.mode == "to-file":
                    target = "file:///etc/passwd"
                return self.send(b"", 303, fields=[("Location", target)])
        if kind == "search":
            value, arch = self.query["value"], self.query.get("arch")
            found = [self.show(i) for i in images.values() if "content" in i and i.get("arch") == arch]
            return self.data({
                "entity": [], "collection": [], "container": [],
                "image": [i for i in found if value in i["containerName"] or value in i["description"]],
            })
        if path.startswith("v2/tags/"):
            return self.data(tags.get(path.removeprefix("v2/tags/"), {}))
        self.error(404, "not found")

    def make(self, table, key, value):
        value["id"] = hashlib.sha256(f"{id(table)}{key}".encode()).hexdigest()[:24]
        table[key] = value
        self.data(value, 201)

    def do_POST(self):
        self.note()
        body = self.body()
        path = self.split()
        if not self.allowed():
            return
        if path.startswith("v1/imagefile/"):
            images[path.split("/")[-1]]["content"] = body
            return self.data({})
        sent = {key.lower(): value for key, value in json.loads(body).items()}
        if path == "v1/entities":
            return self.make(entities, sent["name"], {"name": sent["name"]})
        if path == "v1/collections":
            entity = next(name for name, e in entities.items() if e["id"] == sent["entity"])
            return self.make(collections, f"{entity}/{sent['name']}", {"name": sent["name"]})
        if path == "v1/containers":
            parent = next(name for name, c in collections.items() if c["id"] == sent["collection"])
            if self.mode == "quota":
                return self.error(403, "quota \x1b[31m exceeded")
            key = f"{parent}/{sent['name']}"
            return self.make(containers, key, {"name": sent["name"], "path": key})
        if path == "v1/images":
            key = sent["hash"] + sent["container"]
            image = {"hash": sent["hash"], "container": sent["container"], "description": sent.get("description", "")}
            image["id"] = hashlib.sha256(key.encode()).hexdigest()[:24]
            images.setdefault(image["id"], image)
            return self.data(image, 201)
        if match := re.fullmatch(r"v2/imagefile/(\w+)", path):
            images[match[1]]["expected"] = sent
            if self.mode == "s3":
                return self.data({"uploadURL": presigned("put_object", match[1])})
            query = "X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-content-sha256"
            return self.data({"uploadURL": f"http://127.0.0.1:{storage.server_port}/put/{match[1]}?{query}"})
        if match := re.fullmatch(r"v2/imagefile/(\w+)/_multipart", path):
            if self.mode == "one-part":
                return self.error(404, "not found")
            count = -(-sent["filesize"] // PART)
            upload = "u1"
            if self.mode == "s3":
                upload = s3.create_multipart_upload(Bucket="images", Key=match[1])["UploadId"]
            return self.data({"uploadID": upload, "totalParts": count, "partSize": PART, "options": {"s3compliant": "true"}})
        if path.startswith("v1/tags/") or path.startswith("v2/tags/"):
            arch = sent.get("arch", "amd64")
            images[sent["imageid"]]["arch"] = arch
            tags.setdefault(path.split("/")[-1], {}).setdefault(arch, {})[sent["tag"]] = sent["imageid"]
            return self.data({})
        self.error(404, "not found")

    def do_PUT(self):
        self.note()
        sent = json.loads(self.body() or b"{}")
        path = self.split()
        if not self.allowed():
            return
        match = re.fullmatch(r"v2/imagefile/(\w+)/_(\w+)", path)
        name, step = match.groups()
        image = images[name]
        if step == "multipart":
            number = sent["partNumber"]
            if self.mode == "s3":
                address = presigned("upload_part", name, UploadId=sent["uploadID"], PartNumber=number)
                return self.data({"presignedURL": address})
            address = f"http://127.0.0.1:{storage.server_port}/{self.mode}/{name}"
            return self.data({"presignedURL": f"{address}?part={number}&X-Amz-SignedHeaders=host%3Bx-amz-content-sha256"})
        if step == "multipart_complete":
            done = sent["completedParts"]
            if self.mode == "s3":
                whole = {"Parts": [{"PartNumber": p["partNumber"], "ETag": p["token"]} for p in done]}
                s3.complete_multipart_upload(
                    Bucket="images", Key=name, UploadId=sent["uploadID"], MultipartUpload=whole)
                image["content"] = stored(name)
                return self.data({"quota": {"quotaTotal": 11 << 30, "quotaUsage": 1 << 30}, "containerUrl": "library/e/c/n"})
            right = [(n, f'"{hashlib.sha256(c).hexdigest()[:32]}"') for n, c in sorted(parts[name].items())]
            if [(p["partNumber"], p["token"]) for p in done] != right:
                return self.error(400, "other parts")
            image["content"] = b"".join(c for _, c in sorted(parts[name].items()))
        elif step == "multipart_abort":
            parts.pop(name, None)
            return self.data({})
        else:
            if self.mode == "s3":
                image["upload"] = stored(name)
            content, expected = image["upload"], image["expected"]
            if [len(content), hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()] != [
                expected["filesize"], expected["sha256sum"], expected["md5sum"],
            ]:
                return self.error(400, "other bytes")
            image["content"] = content
        if "sha256." + hashlib.sha256(image["content"]).hexdigest() != image["hash"]:
            return self.error(400, "another hash")
        self.data({"quota": {"quotaTotal": 11 << 30, "quotaUsage": 1 << 30}, "containerUrl": "library/e/c/n"})

    def do_DELETE(self):
        self.note()
        path = self.split()
        if not self.allowed():
            return
        image = self.find(path.removeprefix("v1/images/"), self.query.get("arch"))
        if not image:
            return self.error(404, "not found")
        shown = self.show(image)
        del images[image["id"]]
        self.data(shown)


library = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Library)
storage = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Storage)
for server in (library, storage):
    server.daemon_threads = True
threading.Thread(target=storage.serve_forever, daemon=True).start()
port_file.write_text(f"{library.server_port} {storage.server_port} ")
library.serve_forever()
