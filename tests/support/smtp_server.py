#!/usr/bin/python3
"""An SMTP server for tests, on loopback: Debian's aiosmtpd, with the faults that a test asks for.

What it does with a message is said by the recipient's local part:
    rcptNNN.xM@   RCPT is answered NNN, the first M times for that address (without .xM: always)
    dataNNN.xM@   the same at the end of DATA
    drop.xM@      the connection is closed at RCPT
    break.xM@     the message is taken, and the connection closed before the reply
    slow@         the reply after DATA comes 2 s late
    drip@         the reply after DATA never ends
Each message that is taken is a JSON line in --log, written before the reply.
Prints "port N" when it listens.
"""
import argparse, asyncio, json, os, re, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("--log", required=True)
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--certificate", help="PEM with key and certificate")
parser.add_argument("--starttls", action="store_true")
parser.add_argument("--implicit-tls", action="store_true")
parser.add_argument("--user")
parser.add_argument("--password")
parser.add_argument("--only", help="the one AUTH mechanism to offer")
options = parser.parse_args()

seen = {}


def fault(kind, address):
    """The status or True while the fault that the address asks for still applies."""
    match = re.fullmatch(kind + r"(\d{3})?(?:\.x(\d+))?(?:\+.*)?", address.split("@")[0])
    if not match:
        return None
    seen[address] = seen.get(address, 0) + 1
    if match.group(2) and seen[address] > int(match.group(2)):
        return None
    return match.group(1) or True


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        status = fault("rcpt", address)
        if status:
            return f"{status} {status[0]}.7.1 not for <{address}>"
        if fault("drop", address):
            server.transport.abort()
            return "421 gone"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        address = envelope.rcpt_tos[0]
        status = fault("data", address)
        if status:
            return f"{status} {status[0]}.6.0 not this"
        text = envelope.original_content.decode("utf-8", "surrogateescape")
        headers = dict(re.findall(r"^([\w-]+): ([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", text.split("\r\n\r\n")[0], re.M))
        with open(options.log, "a") as log:
            log.write(json.dumps({"from": envelope.mail_from, "to": address, "peer": session.peer[1],
                                  "tls": server.transport.get_extra_info("ssl_object") is not None, "login": bool(session.authenticated),
                                  "id": headers.get("Message-ID"), "octets": text}) + "\n")
        if fault("break", address):
            server.transport.abort()
            await asyncio.sleep(0)
            return "421 gone"
        if address.startswith("slow@"):
            await asyncio.sleep(2)
        if address.startswith("drip@"):
            for _ in range(100000):
                server._writer.write(b"2")
                await server._writer.drain()
                await asyncio.sleep(0.05)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login == options.user.encode() and data.password == options.password.encode())
    return AuthResult(success=good, handled=False)


def factory():
    extra = {}
    if options.user:
        extra = dict(authenticator=authenticate, auth_required=True, auth_require_tls=False)
        if options.only:
            extra["auth_exclude_mechanism"] = [m for m in ("PLAIN", "LOGIN") if m != options.only]
    if options.starttls:
        extra.update(tls_context=tls, require_starttls=True)
    return SMTP(Handler(), hostname="localhost", **extra)


tls = None
if options.certificate:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(options.certificate)


async def main():
    server = await asyncio.get_running_loop().create_server(
        factory, "127.0.0.1", options.port, ssl=tls if options.implicit_tls else None, backlog=1000)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
