"""The whole service in one process, on free ports, for the tests of this folder."""
import os

from host import Host, free_port

ROLES = ("browserid", "dbwriter", "verifier", "static", "keysigner")


def whole_service(build, folder, public_url="https://login.example", dbwriter=None, **more):
    """A Host that has not been started, and the ports of its router and admin listener. `dbwriter`: options of that
    role in place of mails as files."""
    router, admin = free_port(), free_port()
    config = {
        "admin": {"address": f"127.0.0.1:{admin}"},
        "access_log": {"file": folder.file("access.log")},
        "common": {"public_url": public_url, "domain_key": {"public_file": folder.file("domain.json")},
                   "secrets": {n: folder.file(n) for n in ("roles", "class", "cookie", "passwords")},
                   "database": {"driver": "sqlite", "file": folder.file("persona.db")}},
        "executors": {n: {"threads": 2} for n in ("default", "api", "writes", "passwords")},
        "listeners": [{"name": "router", "address": f"127.0.0.1:{router}", "service": "router", "trusted_proxies": ["127.0.0.1/32"]}],
        "upstreams": [{"name": r, "address": "inproc:" + r} for r in ROLES],
        "services": [{"id": "keysigner", "module": "keysigner.so", "config": {"domain_key": {"file": folder.file("domain.pem")}}},
                     {"id": "dbwriter", "module": "dbwriter.so", "config": dbwriter or {"mail": {"transport": "file", "directory": folder.file("mail")}}},
                     {"id": "browserid", "module": "browserid.so"}, {"id": "verifier", "module": "verifier.so"},
                     {"id": "static", "module": "static.so"},
                     {"id": "router", "module": "router.so", "depends_on": ["browserid", "static"],
                      "filters": [{"id": "access-log", "builtin": "access-log"}, {"id": "statsd", "builtin": "statsd"},
                                  {"id": "request-id", "module": os.path.join(build, "lib/persona/plugins/filters/request-id.so"), "on_error": "allow"},
                                  {"id": "headers", "module": os.path.join(build, "lib/persona/plugins/filters/headers.so"), "on_error": "deny"}]}],
        **more}
    host = Host(build, folder, "all", config)
    host.router, host.admin = router, admin
    return host
