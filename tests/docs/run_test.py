#!/usr/bin/env python3
"""scripts/run --stop ends what scripts/run started, and nothing else; whichever way one comes to the checkout.

Usage: run_test.py SOURCE_DIR
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.abspath(sys.argv[1])
del sys.argv[1:2]


class Run(unittest.TestCase):
    def setUp(self):
        """A checkout whose program is a long sleep, and a symbolic link to it."""
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="persona-run-"))
        self.addCleanup(shutil.rmtree, self.dir)
        for folder in ("scripts", "build/bin", "var/run"):
            os.makedirs(f"{self.dir}/real/{folder}")
        shutil.copy(os.path.join(SOURCE, "scripts/run"), f"{self.dir}/real/scripts/run")
        shutil.copy(shutil.which("sleep"), f"{self.dir}/real/build/bin/persona-host")
        os.symlink("real", f"{self.dir}/link")

    def started(self, program):
        process = subprocess.Popen([program, "600"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        with open(f"{self.dir}/real/var/run/local.pid", "w") as f:
            f.write(f"{process.pid}\n")
        return process

    def stop(self, way):
        # A shell that came by the link has the link in PWD.
        done = subprocess.run(["bash", "-c", f"cd {self.dir}/{way} && scripts/run --stop"], capture_output=True, text=True, timeout=100)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "stopped\n", ""))
        self.assertEqual(os.listdir(f"{self.dir}/real/var/run"), [])

    def test_ours_is_stopped(self):
        for way in ("real", "link"):
            process = self.started(f"{self.dir}/real/build/bin/persona-host")
            self.stop(way)
            self.assertEqual(process.wait(10), -15, way)

    def test_ours_is_stopped_when_the_build_is_another_or_gone(self):
        program = f"{self.dir}/real/build/bin/persona-host"
        shutil.move(f"{self.dir}/real/build", f"{self.dir}/elsewhere")
        os.symlink(f"{self.dir}/elsewhere", f"{self.dir}/real/build")
        process = self.started(program)
        self.stop("link")
        self.assertEqual(process.wait(10), -15)
        os.remove(f"{self.dir}/real/build")
        shutil.move(f"{self.dir}/elsewhere", f"{self.dir}/real/build")
        process = self.started(program)
        shutil.rmtree(f"{self.dir}/real/build")
        self.stop("link")
        self.assertEqual(process.wait(10), -15)

    def test_another_program_with_that_number_is_left_alone(self):
        process = self.started(shutil.which("sleep"))
        self.stop("link")
        self.assertIsNone(process.poll())


unittest.main(verbosity=2)
