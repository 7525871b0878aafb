"""A small S3 server in memory, for the bucket of `[store]`: whole objects, ranges, lists, and puts on conditions as S3 keeps them."""

import base64
import collections
import hashlib
import http.server
import re
import threading
import urllib.parse
from xml.sax.saxutils import escape, unescape

#: Headers of a put that come back with the object.
TOLD = re.compile(r"x-amz-meta-|content-type$|content-encoding$", re.IGNORECASE)


class S3StandIn:
    """Objects by key; `down` makes it answer 503 to everything, `lose` drops that many answers of puts after their effect, and
    from `hang` to `answer` it takes requests, does nothing and answers nothing. `asked` counts requests by their method, and without
    `deletes_many` it has no DeleteObjects. `objects` are those of `bucket`; others are made by
    callers, and `make_bucket` answers what keeps the objects of one."""

    def __init__(self, bucket, make_bucket=None, address="127.0.0.1"):
        self.objects, self.lock, self.address = {}, threading.Lock(), address
        self.buckets, self.make_bucket, self.told = {bucket: self.objects}, make_bucket, {}
        self.down, self.lose, self.puts = False, 0, 0
        self.asked, self.deletes_many = collections.Counter(), True
        self.answers = threading.Event()
        self.listen()

    def listen(self):
        """On a port of its own; once more, with what it had, after `close`."""
        self.answers.set()
        self.server = Server((self.address, 0), type("Bound", (Answers,), {"s3": self}))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://{self.server.server_address[0]}:{self.server.server_port}"

    def keys(self, prefix="", objects=None):
        with self.lock:
            return sorted(key for key in (self.objects if objects is None else objects) if key.startswith(prefix))

    def hang(self):
        self.answers.clear()

    def answer(self):
        self.answers.set()

    def close(self):
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()


def tag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


class Server(http.server.ThreadingHTTPServer):
    # With the usual 5, connections that come together wait a second each for their second attempt.
    request_queue_size = 128
    daemon_threads = True


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A body goes after its head at once, and does not wait until that was acknowledged, which takes 40 ms.
    disable_nagle_algorithm = True
    s3 = None

    def log_message(self, *_):
        pass

    def respond(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def error(self, status, code):
        self.respond(status, f"<Error><Code>{code}</Code></Error>".encode())

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.s3.answers.is_set():
            self.s3.answers.wait()
            self.close_connection = True
            return None
        if self.s3.down:
            return self.error(503, "SlowDown")
        if "AWS4-HMAC-SHA256" not in self.headers.get("Authorization", ""):
            return self.error(403, "AccessDenied")
        path, _, query = self.path.partition("?")
        bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
        if self.command == "PUT" and not key and self.s3.make_bucket:
            self.s3.buckets.setdefault(bucket, self.s3.make_bucket(bucket))
            return self.respond(200, Location=f"/{bucket}")
        if bucket not in self.s3.buckets:
            return self.error(404, "NoSuchBucket")
        self.bucket, self.objects = bucket, self.s3.buckets[bucket]
        with self.s3.lock:
            self.s3.asked[self.command] += 1
        return getattr(self, "on_" + self.command.lower())(key, body, dict(urllib.parse.parse_qsl(query)))

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_one

    def on_put(self, key, body, _):
        if hashlib.sha256(body).hexdigest() != self.headers["x-amz-content-sha256"]:
            return self.error(400, "XAmzContentSHA256Mismatch")
        with self.s3.lock:
            there = self.objects.get(key)
            wanted = self.headers.get("If-Match")
            if wanted and there is None:
                return self.error(404, "NoSuchKey")
            if (wanted and tag(there) != wanted) or (self.headers.get("If-None-Match") == "*" and there is not None):
                return self.error(412, "PreconditionFailed")
            self.objects[key] = body
            self.s3.told[self.bucket, key] = {name: self.headers[name] for name in self.headers if TOLD.match(name)}
            self.s3.puts += 1
            is_lost = self.s3.lose > 0
            self.s3.lose -= is_lost
        if is_lost:
            # The connection ends without an answer.
            self.close_connection = True
            return None
        return self.respond(200, ETag=tag(body))

    def on_get(self, key, _, query):
        if not key:
            return self.list(query)
        return self.read(key, self.command == "GET")

    def on_head(self, key, *_):
        return self.read(key, False)

    def read(self, key, with_body):
        with self.s3.lock:
            body = self.objects.get(key)
            told = self.s3.told.get((self.bucket, key), {})
        if body is None:
            return self.respond(404) if not with_body else self.error(404, "NoSuchKey")
        if not with_body:
            return self.respond(200, length=len(body), ETag=tag(body), **told)
        if self.headers.get("If-None-Match") == tag(body):
            return self.respond(304, ETag=tag(body))
        found = re.match(r"bytes=(\d+)-(\d+)?", self.headers.get("Range", ""))
        if not found:
            return self.respond(200, body, ETag=tag(body), **told)
        first, last = int(found[1]), min(int(found[2] or len(body)), len(body) - 1)
        return self.respond(206, body[first : last + 1], ETag=tag(body), Content_Range=f"bytes {first}-{last}/{len(body)}")

    def on_delete(self, key, *_):
        with self.s3.lock:
            self.objects.pop(key, None)
        return self.respond(204)

    def on_post(self, key, body, _):
        if key or not self.path.endswith("?delete") or not self.s3.deletes_many:
            return self.error(501, "NotImplemented")
        if base64.b64encode(hashlib.md5(body).digest()).decode() != self.headers.get("Content-MD5"):
            return self.error(400, "BadDigest")
        keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", body.decode())]
        if not 0 < len(keys) <= 1000:
            return self.error(400, "MalformedXML")
        with self.s3.lock:
            for key in keys:
                self.objects.pop(key, None)
        return self.respond(200, b"<DeleteResult></DeleteResult>")

    def list(self, query):
        keys = [key for key in self.s3.keys(query.get("prefix", ""), self.objects) if key > query.get("start-after", "")]
        most = int(query.get("max-keys", "1000"))
        with self.s3.lock:
            contents = "".join(
                f"<Contents><Key>{escape(urllib.parse.quote(key))}</Key><LastModified>2026-03-01T00:00:01.000Z</LastModified>"
                f"<Size>{len(self.objects[key])}</Size></Contents>"
                for key in keys[:most]
                if key in self.objects
            )
        more = str(len(keys) > most).lower()
        body = f"<ListBucketResult><IsTruncated>{more}</IsTruncated><EncodingType>url</EncodingType>{contents}</ListBucketResult>"
        return self.respond(200, body.encode())
