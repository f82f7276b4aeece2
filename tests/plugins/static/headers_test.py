#!/usr/bin/env python3
"""The table of frontend.md 4.1 and the header lists of 4.2, asked of the real host over HTTP.

Usage: headers_test.py BUILD_DIR
"""
import gzip
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = os.path.abspath(sys.argv.pop(1))
SERVICE, ASSETS = "https://login.example", "https://cdn.example"
VIEW = "public, max-age=0, must-revalidate"
HSTS = "max-age=31536000; includeSubDomains"


def csp(images="", frames="", ancestors="'none'"):
    return (f"default-src 'none'; script-src 'self' {ASSETS}; style-src 'self' {ASSETS}; img-src 'self' data: {ASSETS}"
            f"{images}; connect-src 'self'; font-src 'self' {ASSETS}; form-action 'self'; {frames}base-uri 'none'; "
            f"frame-ancestors {ancestors}; require-trusted-types-for 'script'")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Headers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="persona-static-")
        cls.web = os.path.join(cls.dir, "web")
        shutil.copytree(os.path.join(BUILD, "share/persona/web"), cls.web)
        # What an earlier build left behind.
        os.makedirs(os.path.join(cls.web, "v", "0123456789abcdef"))
        with open(os.path.join(cls.web, "v", "0123456789abcdef", "old.js"), "w") as f:
            f.write("old();" * 100)
        cls.port, cls.admin = free_port(), free_port()
        config = {"process": "test", "state_dir": cls.dir + "/state", "admin": {"address": f"127.0.0.1:{cls.admin}"},
                  "common": {"public_url": SERVICE, "domain_key": {"public_file": cls.dir + "/domain.json"},
                             "secrets": {"roles": cls.dir + "/roles"}},
                  "listeners": [{"name": "static", "address": f"127.0.0.1:{cls.port}", "service": "static"}],
                  "services": [{"id": "keysigner", "module": "keysigner.so", "config": {"domain_key": {"file": cls.dir + "/domain.pem"}}},
                               {"id": "static", "module": "static.so", "filters": [{"id": "statsd", "builtin": "statsd"}],
                                "config": {"static_url": ASSETS, "web_dir": cls.web, "debug_language": "en-XA",
                                           "proxy_idps": {"big.example": "authority.example"}}}]}
        with open(cls.dir + "/host.yaml", "w") as f:
            json.dump(config, f)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PERSONA_")}
        cls.log = open(cls.dir + "/log", "w+")
        cls.process = subprocess.Popen([BUILD + "/bin/persona-host", "run", cls.dir + "/host.yaml"], stdout=cls.log, stderr=cls.log, env=environment)
        for _ in range(600):
            if "ready:" in cls.said():
                return
            if cls.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(cls.said())

    @classmethod
    def said(cls):
        with open(cls.dir + "/log") as f:
            return f.read()

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(30)
        cls.log.close()
        shutil.rmtree(cls.dir)

    def ask(self, path, headers=None, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        body = response.read()
        fields = {}
        for name, value in response.getheaders():
            self.assertNotIn(name.lower(), fields, f"{path}: {name} twice")
            fields[name.lower()] = value
        connection.close()
        return response.status, fields, body

    def common(self, path, fields, referrer="strict-origin-when-cross-origin"):
        self.assertEqual(fields["x-content-type-options"], "nosniff", path)
        self.assertEqual(fields["strict-transport-security"], HSTS, path)
        self.assertEqual(fields["referrer-policy"], referrer, path)
        self.assertNotIn("last-modified", fields, path)
        self.assertNotIn("set-cookie", fields, path)
        self.assertIn("date", fields, path)

    def view(self, path, policy, frame="DENY", cache=VIEW, referrer="strict-origin-when-cross-origin", opener="same-origin-allow-popups", status=200):
        code, fields, body = self.ask(path)
        self.assertEqual(code, status, path)
        self.common(path, fields, referrer)
        self.assertEqual(fields["content-type"], "text/html; charset=utf-8", path)
        self.assertEqual(fields["cache-control"], cache, path)
        self.assertEqual(fields["vary"], "Accept-Encoding,Accept-Language", path)
        self.assertEqual(fields["content-security-policy"], policy, path)
        self.assertNotIn("unsafe", fields["content-security-policy"], path)
        self.assertEqual(fields.get("x-frame-options"), frame, path)
        self.assertEqual(fields.get("cross-origin-opener-policy"), opener, path)
        self.assertIn("camera=()", fields["permissions-policy"], path)
        self.assertIn(b"<html lang=\"en\" dir=\"ltr\">", body, path)
        self.assertNotIn(b"{{", body, path)
        self.assertNotIn(b"style=", body, path)
        if status != 200:
            self.assertNotIn("etag", fields, path)
            return
        self.assertRegex(fields["etag"], r'^"[A-Za-z0-9_-]{22}"$', path)
        code, again, body = self.ask(path, {"If-None-Match": fields["etag"]})
        self.assertEqual((code, body), (304, b""), path)
        for name in ("etag", "cache-control", "vary", "content-security-policy", "x-frame-options"):
            self.assertEqual(again.get(name), fields.get(name), f"{path}: {name} of 304")

    def test_views(self):
        for path in ("/", "/about", "/en/tos", "/en/privacy", "/xx/tos", "/unsupported_dialog", "/unsupported_dialog_without_watch", "/cookies_disabled"):
            self.view(path, csp())
        for path in ("/communication_iframe", "/en/embedded_tos", "/en/embedded_privacy"):
            self.view(path, csp(ancestors="*"), frame=None)
        self.view("/sign_in", csp(" https:", "frame-src https:; "), referrer="no-referrer", opener=None)
        self.view("/auth", csp(), opener=None)
        self.view("/provision", csp(ancestors="'self'"), frame="SAMEORIGIN")
        for path in ("/verify_email_address", "/add_email_address", "/confirm", "/complete_transition", "/reset_password", "/unblock", "/not_me"):
            self.view(path + "?token=" + "a" * 48, csp(), cache="private, no-cache", referrer="no-referrer")

    def test_what_is_not_there(self):
        for path in ("/relay", "/nope", "/%e3h", "/%", "/%zz", "/%00", "/..%2f..%2fetc/passwd", "/v%2f", "/test", "/i18n_test", "/fonts",
                     "/build/code_version.js", "/en/nope", "/en/", "//", "/include.js/", "/views/home.mustache", "/manifest.json", "/locales/en.json"):
            self.view(path, csp(), cache="no-store", status=404)
        for path in ("/v/ffffffffffffffff/dialog.js", "/v/x", "/v/../manifest.json", "/v/"):
            code, fields, _ = self.ask(path)
            self.assertEqual((code, fields["cache-control"]), (404, "no-store"), path)
        code, fields, body = self.ask("/nope", {"Accept": "application/json"})
        self.assertEqual((code, fields["content-type"], json.loads(body)["success"]), (404, "application/json", False))

    def test_redirects(self):
        for old in ("/signin", "/signup", "/forgot"):
            for path in (old, old + "/"):
                code, fields, _ = self.ask(path)
                self.assertEqual((code, fields["location"]), (301, "/"), path)
                self.common(path, fields)
        self.assertEqual(self.ask("/developers")[0], 302)

    def test_keys(self):
        code, fields, body = self.ask("/.well-known/browserid")
        self.assertEqual((code, fields["content-type"], fields["cache-control"]), (200, "application/json", "public, max-age=10"))
        self.assertNotIn("etag", fields)
        self.common("/.well-known/browserid", fields)
        # What depends on the query is not for caches that leave it out of their key.
        for domain, cache in (("big.example", "private, max-age=10"), ("other.example", "public, max-age=10")):
            path = "/.well-known/browserid?domain=" + domain
            _, fields, _ = self.ask(path)
            self.assertEqual(fields["cache-control"], cache, path)
            self.common(path, fields)
        # Verifiers share caches with browsers: whoever asks, and however, gets the same octets.
        for path in ("/.well-known/browserid", "/.well-known/browserid?domain=big.example", "/pk"):
            plain = self.ask(path)[2]
            _, fields, same = self.ask(path, {"Accept-Encoding": "br, gzip"})
            self.assertEqual(same, plain, path)
            self.assertNotIn("content-encoding", fields, path)
        document = json.loads(body)
        self.assertEqual(set(document) - {"keys"}, {"public-key", "provisioning", "authentication"})
        self.assertEqual(json.loads(self.ask("/.well-known/browserid?domain=big.example")[2]), {"authority": "authority.example"})
        self.assertEqual(json.loads(self.ask("/.well-known/browserid?domain=other.example")[2]), document)
        self.assertEqual(json.loads(self.ask("/pk")[2]), document["public-key"])

    def test_texts(self):
        for path in ("/.well-known/dnt-policy.txt", "/robots.txt", "/humans.txt", "/ver.txt"):
            code, fields, body = self.ask(path)
            self.assertEqual((code, fields["content-type"], fields["cache-control"]), (200, "text/plain; charset=utf-8", VIEW), path)
            self.common(path, fields)
        self.assertRegex(self.ask("/ver.txt")[2].decode(), r"^[0-9a-f]{7}\n$")

    def test_scripts_of_other_peoples_pages(self):
        for name in ("include", "provisioning_api", "authentication_api"):
            for path in (f"/{name}.js", f"/{name}.orig.js"):
                code, fields, body = self.ask(path)
                self.assertEqual((code, fields["content-type"]), (200, "text/javascript; charset=utf-8"), path)
                self.assertEqual(fields["cache-control"], "public, max-age=300, must-revalidate", path)
                self.assertEqual(fields["access-control-allow-origin"], "*", path)
                self.assertEqual(fields["cross-origin-resource-policy"], "cross-origin", path)
                self.assertEqual(self.ask(path, {"If-None-Match": fields["etag"]})[0], 304, path)
                self.common(path, fields)
                self.assertNotIn(SERVICE.encode(), body, "no host name is written into it")

    def assets(self):
        with open(os.path.join(self.web, "manifest.json")) as f:
            return {name: f"/v/{h}/{name}" for name, h in json.load(f)["assets"].items()}

    def test_assets(self):
        for path in [*self.assets().values(), "/v/0123456789abcdef/old.js"]:
            code, fields, _ = self.ask(path)
            self.assertEqual((code, fields["cache-control"]), (200, "public, max-age=31536000, immutable"), path)
            self.assertEqual(fields["access-control-allow-origin"], SERVICE, path)
            self.assertEqual(fields["vary"], "Accept-Encoding", path)
            self.common(path, fields)
        page = self.ask("/sign_in")[2].decode()
        for name in ("dialog.js", "style.css"):
            self.assertIn(f'"{ASSETS}{self.assets()[name]}"', page)

    def test_codings(self):
        path = self.assets()["dialog.js"]
        _, plain_fields, plain = self.ask(path)
        _, fields, body = self.ask(path, {"Accept-Encoding": "gzip"})
        self.assertEqual((fields["content-encoding"], gzip.decompress(body)), ("gzip", plain))
        _, brotli_fields, small = self.ask(path, {"Accept-Encoding": "gzip, br"})
        self.assertEqual(brotli_fields["content-encoding"], "br")
        self.assertLess(len(small), len(body))
        self.assertEqual(len({f["etag"] for f in (plain_fields, fields, brotli_fields)}), 3)
        self.assertEqual(self.ask(path, {"Accept-Encoding": "br", "If-None-Match": brotli_fields["etag"]})[0], 304)
        self.assertEqual(self.ask(path, {"Accept-Encoding": "gzip", "If-None-Match": brotli_fields["etag"]})[0], 200)
        self.assertEqual(self.ask("/sign_in", {"Accept-Encoding": "br"})[1]["content-encoding"], "br")

    def test_ranges(self):
        path = self.assets()["dialog.js"]
        _, whole_fields, whole = self.ask(path)
        code, fields, body = self.ask(path, {"Range": "bytes=10-19", "Accept-Encoding": "gzip"})
        self.assertEqual((code, fields["content-range"], body), (206, f"bytes 10-19/{len(whole)}", whole[10:20]))
        self.assertNotIn("content-encoding", fields)
        self.assertEqual(self.ask(path, {"Range": "bytes=-5"})[2], whole[-5:])
        code, fields, _ = self.ask(path, {"Range": f"bytes={len(whole)}-"})
        self.assertEqual((code, fields["content-range"], fields["cache-control"]), (416, f"bytes */{len(whole)}", "no-store"))
        self.common(path, fields)
        self.assertEqual(fields["access-control-allow-origin"], SERVICE)
        self.assertNotIn("etag", fields)
        _, fields, _ = self.ask("/include.js", {"Range": "bytes=99999999-"})
        self.assertEqual(fields["access-control-allow-origin"], "*")
        # A range is for GET alone.
        for asked in ("bytes=10-19", f"bytes={len(whole)}-"):
            code, fields, body = self.ask(path, {"Range": asked}, method="HEAD")
            self.assertEqual((code, fields["content-length"], body), (200, str(len(whole)), b""), asked)
            self.assertNotIn("content-range", fields, asked)
        self.assertEqual(self.ask(path, {"Range": "bytes=0-1", "If-Range": whole_fields["etag"]})[0], 206)
        self.assertEqual(self.ask(path, {"Range": "bytes=0-1", "If-Range": '"other"'})[0], 200)
        self.assertEqual(self.ask("/", {"Range": "bytes=0-1"})[0], 200)

    def test_parts_are_counted(self):
        path = self.assets()["style.css"]
        for asked in ("bytes=0-1", "bytes=99999999-"):
            self.ask(path, {"Range": asked})
        for code in (206, 416):
            self.assertRegex(self.metrics(), rf"(?m)^persona_browserid_static_response_{code}_total [1-9]")

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def test_methods(self):
        _, fields, body = self.ask("/sign_in")
        code, head, nothing = self.ask("/sign_in", method="HEAD")
        self.assertEqual((code, nothing, head["content-length"], head["etag"]), (200, b"", str(len(body)), fields["etag"]))
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            code, fields, _ = self.ask("/", method=method)
            self.assertEqual((code, fields["allow"], fields["cache-control"]), (405, "GET, HEAD", "no-store"), method)
            self.common("/", fields)

    def test_a_key_file_that_is_gone_is_reported_once(self):
        def reports():
            return self.said().count("cannot read the domain's public keys")
        file = self.dir + "/domain.json"
        for times in (1, 2):
            os.rename(file, file + ".away")
            try:
                for _ in range(100):
                    if reports() >= times:
                        break
                    time.sleep(0.1)
                time.sleep(2.5)
                self.assertEqual(reports(), times, self.said())
                self.assertEqual(self.ask("/pk")[0], 200)
            finally:
                os.rename(file + ".away", file)
            time.sleep(1.5)

    def test_languages(self):
        def of(accept):
            body = self.ask("/sign_in", {"Accept-Language": accept} if accept else {})[2].decode()
            return body.split('<html lang="')[1].split('"')[0], 'dir="rtl"' in body
        for accept, language in ((None, "en"), ("tlh", "en"), ("de-CH,de;q=0.9", "de"), ("fr;q=0.1, ja;q=0.7", "ja"), ("en-XA", "en-XA"), ("en-GB", "en"), ("it-CH", "en")):
            self.assertEqual(of(accept)[0], language, accept)
        self.assertEqual(of("ar-EG"), ("ar", True))


if __name__ == "__main__":
    unittest.main()
