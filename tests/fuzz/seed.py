#!/usr/bin/env python3
"""seed.py DIR: the first inputs of every fuzz target, DIR/<target>/<n>, out of tests/data/vectors."""
import hashlib, json, os, sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def vectors(name):
    return json.load(open(f"{TOP}/tests/data/vectors/{name}.json", encoding="utf-8"))


def put(target, text):
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    folder = os.path.join(sys.argv[1], target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha256(data).hexdigest()[:16]), "wb") as out:
        out.write(data)


def unpacked(segment):
    import base64
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        return b""


for case in vectors("keys")["parse_cases"]:
    put("key", case["key_json"])
    put("json", case["key_json"])
for key in vectors("keys")["keys"]:
    for form in ("public_key", "public_key_2012", "public_jwk"):
        if key.get(form):
            put("key", json.dumps(key[form], separators=(",", ":")))
for case in vectors("jws")["cases"]:
    for segment in str(case["token"]).split("."):
        put("base64url", segment)
        if unpacked(segment)[:1] == b"{":
            put("json", unpacked(segment))
for case in vectors("bundles")["cases"]:
    text = case["request"].get("assertion")
    if not isinstance(text, str):
        continue
    put("bundle", text)
    parts = text.split("~")
    if len(parts) == 2 and all(p.count(".") == 2 for p in parts):
        payloads = [unpacked(p.split(".")[1]) for p in parts]
        try:
            cert = json.loads(payloads[0])
        except (ValueError, RecursionError):
            continue
        if not isinstance(cert, dict):
            continue
        if "public-key" in cert:
            cert["public-key"] = "@USER@"
        for issuer in ("login.example", "idp.example", "forced.example"):
            cert["iss"] = issuer
            put("certificate", json.dumps(cert, separators=(",", ":")).encode() + b"\n" + payloads[1])
NOW = 1400000000000
for issuer, email in (("login.example", "a@mail.example"), ("idp.example", "a@idp.example"), ("forced.example", "a@x.example"), ("login.example", "a@disabled.example")):
    for principal in ({"email": email}, {"unverified-email": email}, {}):
        cert = {"public-key": "@USER@", "principal": principal, "iat": NOW - 1, "exp": NOW + 1, "iss": issuer}
        put("certificate", json.dumps(cert) + "\n" + json.dumps({"exp": NOW + 1, "aud": "https://site.example"}))
for case in vectors("keysigner")["cases"]:
    put("keysigner", b"\0" + json.dumps(case["request"], separators=(",", ":")).encode())
    from urllib.parse import urlencode
    put("keysigner", b"\1" + urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in case["request"].items()}).encode())

# Requests and answers, whole and with a pause in the stream: what the engine reads from either side.
HOST = b"Host: a.example\r\n"
for text in (b"GET /a?b=c HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
             b"GET / HTTP/1.1\r\n" + HOST + b"\r\nGET /second HTTP/1.1\r\n" + HOST + b"\r\n",
             b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
             b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n",
             b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
             b"GET http://a.example/x HTTP/1.1\r\n" + HOST + b"Connection: close, X-A\r\nX-A: 1\r\n\r\n",
             b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
             b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\nHEAD / HTTP/1.1\r\n" + HOST + b"\r\n",
             b"\r\nPUT /%7E HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
             b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: upgrade\r\nForwarded: for=1.2.3.4\r\n\r\n"):
    put("engine_request", b"\0" + text)
    put("engine_request", b"\3" + text)
for text in (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
             b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n",
             b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
             b"HTTP/1.0 200 OK\r\nConnection: X-H\r\nX-H: 1\r\n\r\nuntil the end",
             b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nConnection: close\r\n\r\n",
             b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 \r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n",
             b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"):
    put("engine_response", b"\0" + text)
    put("engine_response", b"\4" + text)
