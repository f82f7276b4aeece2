"""The fronts that are compared: each is started on free ports of 127.0.0.1 before the same stub."""
import os, re, socket, subprocess, time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(os.path.dirname(HERE))
NAMES = ["ours", "nginx", "haproxy", "haproxy-strict", "fxa19", "fxa25", "none"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def scaled(text, factor):
    """@xN@ becomes N * factor, at least 1: the sweep's knob, the same for every limit of an anchor."""
    return re.sub(r"@x(\d+)@", lambda m: str(max(1, round(int(m.group(1)) * factor))), text)


class Process:
    """A program of the run; its output goes to a file. Ended by stop(), at the latest by kill."""

    def __init__(self, name, command, work, core=None, out=subprocess.DEVNULL, stdin=subprocess.DEVNULL):
        self.name = name
        self.log = open(os.path.join(work, f"{name}.log"), "wb")
        pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
        self.process = subprocess.Popen(command, cwd=work, stdin=stdin, stdout=out if out != subprocess.DEVNULL else self.log,
                                        stderr=self.log, preexec_fn=pin)
        self.pid = self.process.pid

    def pids(self):
        """It and what it has started."""
        out, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            out.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    todo += [int(p) for p in open(f"/proc/{pid}/task/{task}/children").read().split()]
            except OSError:
                continue
        return out

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            try:
                fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                continue
        return total / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        total = 0
        for pid in self.pids():
            try:
                total += int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))
            except (OSError, AttributeError):
                continue
        return total

    def tail(self):
        self.log.flush()
        return open(self.log.name, errors="replace").read()[-2000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def await_port(process, port):
    for _ in range(400):
        if process.process.poll() is not None:
            break
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"bench: {process.name} does not listen on {port}:\n{process.tail()}")


class Target:
    """name: one of NAMES. `limits` scales an anchor's limits; ours has none to scale: it is as shipped."""

    def __init__(self, name, work, back, limits=1.0, core=None, config=None, binaries=None):
        if name not in NAMES:
            raise SystemExit(f"bench: there is no target {name!r}; there are {', '.join(NAMES)}")
        self.name, self.work, self.back, self.core, self.limits = name, work, back, core, limits
        self.config = config or f"{TOP}/config/split/router.yaml"
        self.binaries = binaries or f"{TOP}/build/bin"
        self.port, self.process, self.extra = free_port(), None, []

    def start(self):
        if self.name == "none":
            self.port = self.back
            return
        command = getattr(self, "_" + self.name.rstrip("0123456789").replace("-", "_"))()
        self.process = Process(self.name, command, self.work, self.core)
        await_port(self.process, self.port)

    def stop(self):
        for process in [self.process] + self.extra:
            if process:
                process.stop()

    def _render(self, file):
        text = scaled(open(os.path.join(HERE, "anchors", file)).read(), self.limits)
        for key, value in {"front": self.port, "back": self.back, "work": self.work}.items():
            text = text.replace(f"@{key}@", str(value))
        path = os.path.join(self.work, file)
        with open(path, "w") as out:
            out.write(text)
        return path

    def _nginx(self):
        return ["nginx", "-p", self.work, "-e", f"{self.work}/nginx.err", "-c", self._render("nginx.conf")]

    def _haproxy(self):
        return ["haproxy", "-db", "-f", self._render(f"{self.name}.cfg")]

    _haproxy_strict = _haproxy

    def _fxa(self):
        rules = self._render(f"{self.name}.rules")
        return [f"{self.binaries}/aafxa", "--rules", rules, "--port", str(self.port), "--back", str(self.back)]

    def _ours(self):
        """The shipped configuration of the split router; only addresses are others. Its paths are relative
        to where it is started, which is the run's folder."""
        text = open(self.config).read()
        self.socket = os.path.join(self.work, "router.sock")
        text = re.sub(r"(?m)^( *- \{name: router, address: )\"[^\"]*\"", rf'\1"127.0.0.1:{self.port}"', text)
        text = re.sub(r"(?m)^admin: .*$", f'admin: {{address: "127.0.0.1:{free_port()}", socket: "{self.socket}"}}', text)
        # public_url is what browsers know it by, which the front checks Host against.
        text = re.sub(r"public_url: \S+", f"public_url: http://127.0.0.1:{self.port}", text)
        text = re.sub(r"http://127\.0\.0\.1:(10007|10004|10000|10010|10003)\b", f"http://127.0.0.1:{self.back}", text)
        path = os.path.join(self.work, "router.yaml")
        with open(path, "w") as out:
            out.write(text)
        return [f"{self.binaries}/persona-host", "run", path]

    def kill_redis(self):
        raise SystemExit(f"bench: {self.name} keeps its state to itself here: there is no server to lose")

    def swap(self):
        """The front takes its configuration anew while it works."""
        if self.name == "ours":
            subprocess.run([f"{self.binaries}/persona-host", "ctl", "--socket", self.socket, "reload"], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=60)
        elif self.name == "nginx":
            os.kill(self.process.pid, 1)
        else:
            raise SystemExit(f"bench: {self.name} cannot be swapped while it works")
