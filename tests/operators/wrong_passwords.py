"""A role for tests of the router alone."""
import http.server


class WrongPasswords(http.server.BaseHTTPRequestHandler):
    """Says of every password that it is wrong."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"success":false}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("BID-AA-Outcome", "auth_fail")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
