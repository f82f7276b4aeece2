"""The service as one process for benchmarks: started in a folder of its own, with accounts on demand."""
import contextlib, http.client, json, os, re, shutil, socket, subprocess, sys, tempfile, time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def mariadb():
    """A MariaDB server of the benchmark's own, with an empty database `persona`; its port. Its root has no password."""
    subprocess.run([f"{TOP}/scripts/packages", "test"], check=True, stdout=sys.stderr)
    sys.path.append(f"{TOP}/tests/operators")
    from host import Folder
    from mariadb import MariaDb
    folder = Folder()
    try:
        server = MariaDb(folder)
        try:
            code, said = server.run("CREATE DATABASE persona")
            if code != 0:
                raise SystemExit(f"bench: {said}")
            yield server.port
        finally:
            server.stop()
    finally:
        folder.remove()


class Service:
    """config/local.yaml with the router on a free port; `edits` are (pattern, replacement) pairs."""

    def __init__(self, edits=()):
        self.work, self.port = tempfile.mkdtemp(prefix="persona-bench-"), free_port()
        text = open(f"{TOP}/config/local.yaml").read()
        text = "\n".join(l for l in text.splitlines() if '", service: ' not in l or "service: router" in l) + "\n"
        own = [(r"127\.0\.0\.1:10002", f"127.0.0.1:{self.port}"), (r"(?m)^admin: .*$", ""),
               (r"(?m)^common:$", "common:\n  min_time_between_emails: 0ms\n  disable_primary_support: true"),
               (r"mail: \{transport: file, directory: var/mail\}", "mail: {transport: file, directory: var/mail, daily_cap: 0}"),
               # All that a benchmark sends comes from one address.
               (r"explain: \{file: var/antiabuse.jsonl\}", "trusted: [127.0.0.0/8]")]
        for pattern, new in own + list(edits):
            text = re.sub(pattern, new, text)
        open(f"{self.work}/host.yaml", "w").write(text)
        self.log = open(f"{self.work}/log", "w")
        self.process = subprocess.Popen([f"{TOP}/build/bin/persona-host", "run", "host.yaml"], cwd=self.work, stdout=self.log, stderr=self.log)
        for _ in range(400):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.close()
        raise SystemExit("bench: the service did not start")

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
        if os.environ.get("PERSONA_BENCH_KEEP") != "1":
            shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Browser:
    def __init__(self, service):
        self.service, self.cookies, self.csrf = service, {}, None
        self.http = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)

    def cookie(self):
        return "; ".join(f"{k}={v}" for k, v in self.cookies.items())

    def ask(self, method, target, body=None):
        fields = {"Cookie": self.cookie()} if self.cookies else {}
        if body is not None:
            fields["Content-Type"] = "application/json"
        self.http.request(method, target, body, fields)
        r = self.http.getresponse()
        for value in r.headers.get_all("Set-Cookie") or []:
            name, rest = value.split("=", 1)
            self.cookies[name] = rest.split(";", 1)[0]
        return r.status, r.read().decode()

    def context(self):
        self.csrf = json.loads(self.ask("GET", "/wsapi/session_context")[1])["csrf_token"]

    def post(self, call, **arguments):
        if self.csrf is None:
            self.context()
        status, text = self.ask("POST", f"/wsapi/{call}", json.dumps(dict(arguments, csrf=self.csrf)))
        if call in ("complete_user_creation", "authenticate_user"):
            self.csrf = None
        return status, text

    def sign_up(self, email, password):
        self.post("stage_user", email=email, **{"pass": password}, site="https://site.example")
        folder = f"{self.service.work}/var/mail"
        newest = max((os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".eml")), key=os.path.getmtime)
        link = re.search(r"X-BrowserID-VerificationURL:((?:.*\n)(?:[ \t].*\n)*)", open(newest).read()).group(1)
        token = re.sub(r"\s", "", link).split("?token=")[1]
        status, text = self.post("complete_user_creation", token=token)
        if status != 200 or not json.loads(text)["success"]:
            raise SystemExit(f"bench: sign-up failed: {status} {text}")
