"""What OpenSSL itself can do on this core: the bound that verification and certification are measured against."""
import os, re, subprocess, sys, time

# `openssl speed` prints "rsa 2048 bits 0.000254s 0.000019s 3937.5 54030.8": the last two are sign/s, verify/s.
NAMES = {"rsa2048": "rsa 2048 bits", "dsa1024": "dsa 1024 bits", "ecdsap256": "256 bits ecdsa (nistp256)"}


def rates(names, seconds=1):
    """{name: (signatures a second, verifications a second)} of CPU time on one core."""
    # Its own clock leaves the kernel's part out, of which an ECDSA signature has one (getpid, for the nonce); ours has
    # both. So it counts by the wall clock, and the share of it that the process had a core says how much that was.
    began = time.monotonic()
    speed = subprocess.Popen(["openssl", "speed", "-elapsed", "-seconds", str(seconds), *names], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    out = speed.stdout.read()
    _, status, used = os.wait4(speed.pid, 0)
    speed.returncode = os.waitstatus_to_exitcode(status)
    if speed.returncode != 0:
        sys.exit(f"bench: openssl speed ended with {speed.returncode}:\n{out}")
    share = (used.ru_utime + used.ru_stime) / (time.monotonic() - began)
    found = {}
    for line in out.splitlines():
        for name in names:
            if NAMES[name] in line:
                sign, verify = re.findall(r"[\d.]+", line.rsplit("s ", 1)[1])[-2:]
                found[name] = (float(sign) / share, float(verify) / share)
    if set(found) != set(names):
        sys.exit(f"bench: openssl speed printed something else than expected:\n{out}")
    return found
