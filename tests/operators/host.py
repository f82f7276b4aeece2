"""A persona-host for the tests of this folder: free ports, a folder of its own, nothing left behind."""
import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


SKIPPED = 77
INSIDE = "PERSONA_OWN_NETWORK"


def own_network():
    """Starts this program again in a network and with mounts of its own, and returns there, with the loopback up.
    Root alone can make such a network: where nobody may, the test is skipped. So it is where the root is a folder that
    chroot made one: such a process cannot keep its mounts from the others'. `mount --bind DIR DIR` before makes it a mount."""
    if INSIDE not in os.environ:
        if os.geteuid() != 0:
            print("SKIPPED: a network of its own is made by root alone")
            sys.exit(SKIPPED)
        with open("/proc/self/mountinfo") as mounts:
            if not any(line.split()[4] == "/" for line in mounts):
                print("SKIPPED: the root of this chroot is no mount, so mounts would not stay the test's own")
                sys.exit(SKIPPED)
        os.execvpe("unshare", ["unshare", "--net", "--mount", "--", sys.executable, *sys.orig_argv[1:]], {**os.environ, INSIDE: "1"})
    del os.environ[INSIDE]  # of what is started from here on, nothing is inside yet
    with socket.socket() as s:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack_from("H", fcntl.ioctl(s, 0x8913, name + bytes(16)), 16)[0]  # SIOCGIFFLAGS
        fcntl.ioctl(s, 0x8914, name + struct.pack("H", flags | 1) + bytes(14))  # SIOCSIFFLAGS, IFF_UP


def await_true(what, test, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if test():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def alive(pid):
    """A process that runs; one that is only waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Folder:
    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="persona-ops-")

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        with open(self.file(name), "w") as f:
            f.write(text)
        return self.file(name)

    def read(self, name):
        with open(self.file(name)) as f:
            return f.read()

    def remove(self):
        shutil.rmtree(self.path)


class Host:
    """One process; `config` is the YAML as a dictionary. With `socket`, a listening socket for the listener
    `socket_name` is handed over as a supervisor would."""

    def __init__(self, build, folder, name, config, socket_name="", given=None):
        self.program = os.path.join(build, "bin/persona-host")
        self.folder, self.name = folder, name
        self.control = folder.file(name + ".sock")
        config = {"process": name, "state_dir": folder.file("state"), **config}
        config.setdefault("admin", {})["socket"] = self.control
        self.file = folder.write(name + ".yaml", json.dumps(config))
        self.log_file = folder.file(name + ".log")
        self.socket_name, self.given = socket_name, given
        self.pids = []

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PERSONA_", "LISTEN_"))}
        begin = self.log_size()
        with open(self.log_file, "a") as log:
            command, fds = [self.program, "run", self.file], ()
            if self.given is not None:
                fds = (self.given.fileno(),)
                script = f'exec 3<&{fds[0]}; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={self.socket_name} exec "$@"'
                command = ["bash", "-c", script, "bash", *command]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, pass_fds=fds, stdin=subprocess.DEVNULL)
        self.pids.append(self.process.pid)
        await_true(f"{self.name} is ready", lambda: self.process.poll() is not None or "ready: process" in self.log()[begin:])
        assert self.process.poll() is None, self.log()
        return self

    def log_size(self):
        return len(self.log())

    def log(self):
        if not os.path.exists(self.log_file):
            return ""
        with open(self.log_file, errors="replace") as f:
            return f.read()

    def ctl(self, *words):
        return subprocess.run([self.program, "ctl", "--socket", self.control, *words], capture_output=True, text=True, timeout=120)

    def replace(self):
        """A new process takes over; the old one has drained when this returns."""
        done = self.ctl("replace")
        assert done.returncode == 0, done.stderr + self.log()
        old = self.pids[-1]
        self.pids.append(int(re.search(r"process (\d+) serves", done.stdout).group(1)))
        return old

    def stop(self):
        for pid in self.pids:
            if alive(pid):
                os.kill(pid, 15)
        if hasattr(self, "process"):
            self.process.wait(60)
        for pid in self.pids:
            await_true(f"{pid} has ended", lambda pid=pid: not alive(pid))
        code = self.process.returncode if hasattr(self, "process") else 0
        self.pids = []
        return code


class Wrk:
    """Load until stop(); then what it saw."""

    def __init__(self, url, connections=16, seconds=60):
        self.process = subprocess.Popen(["wrk", "-t", "1", "-c", str(connections), "-d", str(seconds), "--timeout", "20s", url],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def stop(self):
        # wrk ends its run and reports at SIGINT.
        self.process.send_signal(2)
        out = self.process.communicate(timeout=60)[0]
        return out

    def faults(self):
        out = self.stop()
        requests = int(re.search(r"(\d+) requests in", out).group(1))
        bad = [line.strip() for line in out.splitlines() if "Socket errors" in line or "Non-2xx" in line]
        return requests, bad
