#!/usr/bin/env python3
"""Writes BUILD/sbom.cdx.json (CycloneDX 1.5): the libraries that the shipped programs are linked with or compiled
from, each with the version of the package that it came from.

Usage: sbom.py BUILD VERSION
"""
import glob
import json
import os
import re
import subprocess
import sys

BUILD, VERSION = sys.argv[1:3]
# Compiled in: headers, templates, and tables that leave no trace in a program's list of libraries.
COMPILED_IN = {"libboost1.81-dev": "BSL-1.0", "libkainjow-mustache-dev": "BSL-1.0", "publicsuffix": "MPL-2.0"}
LICENSES = {"libssl3": "Apache-2.0", "libyaml-cpp0.7": "MIT", "libspdlog1.10": "MIT", "libfmt9": "MIT", "libcrypt1": "LGPL-2.1-or-later",
            "libargon2-1": "CC0-1.0 OR Apache-2.0", "libmariadb3": "LGPL-2.1-or-later", "libseccomp2": "LGPL-2.1-only",
            "libp11-kit0": "BSD-3-Clause", "libidn2-0": "LGPL-3.0-or-later OR GPL-2.0-or-later", "libpsl5": "MIT",
            "libsqlite3-0": "LicenseRef-public-domain", "libbrotli1": "MIT", "zlib1g": "Zlib", "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
            "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1", "libc6": "LGPL-2.1-or-later", "libunistring2": "LGPL-3.0-or-later OR GPL-2.0-or-later",
            "libhiredis0.14": "BSD-3-Clause", "libpcre2-8-0": "BSD-3-Clause", "libpcre3": "BSD-3-Clause", "libexpat1": "MIT", "libffi8": "MIT"}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def package_of(path):
    for candidate in (path, os.path.realpath(path), re.sub(r"^/usr", "", path), "/usr" + path):
        done = subprocess.run(["dpkg-query", "-S", candidate], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":", 1)[0].split(",")[0]
    raise SystemExit(f"sbom: {path} belongs to no package")


programs = [f"{BUILD}/bin/persona-host", *sorted(p for p in glob.glob(f"{BUILD}/lib/persona/plugins/**/*.so", recursive=True)
                                                 if "/bench/" not in p and "/example-" not in p)]
libraries = set()
for program in programs:
    for line in run("ldd", program).splitlines():
        found = re.search(r"=> (/\S+)|^\s*(/\S+)", line)
        if found:
            libraries.add(found.group(1) or found.group(2))
packages = {package_of(library) for library in libraries}
components = []
for name in sorted(packages | set(COMPILED_IN)):
    version = run("dpkg-query", "-W", "-f=${Version}", name)
    license = COMPILED_IN.get(name) or LICENSES.get(name) or ("BSL-1.0" if name.startswith("libpoco") else "")
    one = {"type": "library", "name": name, "version": version, "purl": f"pkg:deb/debian/{name}@{version}",
           "scope": "required", "properties": [{"name": "persona:use", "value": "compiled in" if name in COMPILED_IN else "linked"}]}
    if license:
        one["licenses"] = [{"expression": license}] if " " in license else [{"license": {"name" if license.startswith("LicenseRef") else "id": license}}]
    components.append(one)
document = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": {"type": "application", "name": "persona", "version": VERSION, "licenses": [{"license": {"id": "MPL-2.0"}}]}},
            "components": components}
with open(f"{BUILD}/sbom.cdx.json", "w") as f:
    json.dump(document, f, indent=2)
    f.write("\n")
