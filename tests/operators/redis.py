"""A redis-server of its own for a test: free port, a folder, no persistence, ended with the test."""
import os
import socket
import subprocess

from host import await_true, free_port


class Redis:
    def __init__(self, folder, *options):
        self.folder, self.options, self.port = folder, options, free_port()
        self.process = None

    def start(self):
        log = self.folder.file("redis.log")
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder.path,
             "--logfile", log, *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        await_true("redis-server answers", self.answers)
        return self

    def answers(self):
        assert self.process.poll() is None, self.folder.read("redis.log")
        try:
            # Without a password it says that it wants one: that is an answer too.
            return self.command("PING")[:1] in ("+", "-")
        except OSError:
            return False

    def command(self, *words):
        """The first line of the answer, as it stands on the wire."""
        return self.commands(words)[0]

    def commands(self, *all_of_them):
        """Several on one connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as s:
            answer, lines = s.makefile("rb"), []
            for words in all_of_them:
                s.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words))
                lines.append(answer.readline().decode().strip())
            return lines

    def keys(self, pattern):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as s:
            s.sendall(f"*2\r\n$4\r\nKEYS\r\n${len(pattern)}\r\n{pattern}\r\n".encode())
            answer = s.makefile("rb")
            names = []
            for _ in range(int(answer.readline()[1:])):
                size = int(answer.readline()[1:])
                names.append(answer.read(size + 2)[:-2].decode())
            return names

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None
