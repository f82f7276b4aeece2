"""A MariaDB server of a test's own, on loopback; its root has no password."""
import os
import shutil
import socket
import subprocess

from host import await_true, free_port


class MariaDb:
    def __init__(self, folder):
        self.data, self.port = folder.file("mariadb"), free_port()
        os.mkdir(self.data)
        owner = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(["mariadb-install-db", "--no-defaults", *owner, f"--datadir={self.data}", "--auth-root-authentication-method=normal", "--force",
                        "--skip-test-db"], check=True, capture_output=True, timeout=120)
        self.process = subprocess.Popen([shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", *owner, f"--datadir={self.data}",
                                         f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self.data}/s", f"--pid-file={self.data}/pid",
                                         "--skip-name-resolve", "--innodb-buffer-pool-size=32M"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_true("MariaDB listens", self.listens)

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def run(self, sql, user="root", password=""):
        """Exit status, and what was printed."""
        done = subprocess.run(["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={self.port}", f"--user={user}", f"--password={password}", "--batch",
                               "--skip-column-names"], input=sql, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
