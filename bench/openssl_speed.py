"""What OpenSSL itself can do on this core: the bound that verification and certification are measured against."""
import re, subprocess, sys

# `openssl speed` prints "rsa 2048 bits 0.000254s 0.000019s 3937.5 54030.8": the last two are sign/s, verify/s.
NAMES = {"rsa2048": "rsa 2048 bits", "dsa1024": "dsa 1024 bits", "ecdsap256": "256 bits ecdsa (nistp256)"}


def rates(names, seconds=1):
    """{name: (signatures a second, verifications a second)} of CPU time on one core."""
    out = subprocess.run(["openssl", "speed", "-seconds", str(seconds), *names], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in out.splitlines():
        for name in names:
            if NAMES[name] in line:
                sign, verify = re.findall(r"[\d.]+", line.rsplit("s ", 1)[1])[-2:]
                found[name] = (float(sign), float(verify))
    if set(found) != set(names):
        sys.exit(f"bench: openssl speed printed something else than expected:\n{out}")
    return found
