#!/usr/bin/python3
"""A real SMTP receiver for Muster's tests, with faults that can be switched on while it runs.

It is aiosmtpd (Debian: python3-aiosmtpd) on three loopback listeners, and a small HTTP control port:

  plain      no TLS, no authentication            smtp://127.0.0.1:PORT?tls=none
  starttls   STARTTLS and AUTH are both demanded  smtp://USER:PASSWORD@127.0.0.1:PORT?tls=required
  tls        TLS from the first byte, and AUTH    smtp://USER:PASSWORD@127.0.0.1:PORT?tls=wrapper

The first line on standard output is one JSON object: `control` (URL), `plain`, `starttls`, `tls` (ports), `user`,
`password`, `ca_file` (the authority made at this start; give it to the client as SSL_CERT_FILE) and `pid`.
The certificates name `localhost` and 127.0.0.1. The process ends on SIGTERM, or when the process that started it ends.

Control port (every answer is JSON):

  GET    /mails?to=ADDRESS&count=1&timeout=20   mails to ADDRESS, oldest first; waits until there are `count` of them,
                                                408 with what there is when the time is over
  DELETE /mails                                 forget them
  GET    /sessions                              every connection: listener, commands, whether AUTH came in clear text
  DELETE /sessions
  GET    /mode                                  the faults in force
  PUT    /mode                                  one fault, or a list of them; {"mode": "accept"} ends all

A fault is {"mode": M} with optional `stage`, `seconds`, `times` (how often it strikes; for ever without it), `to`
(only where a recipient's address contains this text; for the stages rcpt and message) and `text` (of the reply).

  M            what happens                                                              default stage
  accept       mail is taken
  400 to 599   this reply, such as 450, 550, 552, 535; the line is closed after a 421    rcpt; 421 connect; 552 message;
                                                                                         535 auth
  slow         every reply waits `seconds` (5)                                           every stage
  hang         nothing is answered any more, the line stays open                         connect
  drop         the line is cut; at `message` the mail was read whole and is kept, but
               its 250 never leaves                                                      message
  stripped     STARTTLS isn't offered on `starttls`, AUTH is offered in clear text
  wrong-host   the certificate is of the right authority, for another host name
  untrusted    the certificate is for the right host, of an unknown authority
  expired      the certificate ended a year ago
  closed       nothing listens; the same ports open again when the fault ends

Stages: connect, ehlo, starttls, auth, mail, rcpt, data (the command), message (after the final dot), quit.
"""

import argparse
import asyncio
import base64
import email
import email.policy
import json
import logging
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

try:
    from aiosmtpd.smtp import SMTP, AuthResult
except ModuleNotFoundError:
    sys.exit("The mail receiver needs aiosmtpd. On Debian: apt-get install python3-aiosmtpd. scripts/test does it.")

USER = "muster"
PASSWORD = "correct horse battery staple"
logging.getLogger("mail").setLevel(logging.CRITICAL)  # a cut line is what the tests are about, not news
STAGES = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "message", "quit")
CERTIFICATES = ("good", "wrong-host", "untrusted", "expired")
WHOLE = {"stripped", "closed", "slow", *CERTIFICATES[1:]}  # these hold for a connection, not for one stage of it
DEFAULT_STAGE = {"421": "connect", "535": "auth", "552": "message", "hang": "connect", "drop": "message"}
DEFAULT_TEXT = {
    "421": "4.3.2 Service not available, closing the line",
    "450": "4.2.1 Mailbox busy, try again later",
    "451": "4.7.1 Greylisted, try again later",
    "535": "5.7.8 User name or password not accepted",
    "550": "5.1.1 No such mailbox here",
    "552": "5.2.2 Mailbox full",
}


class Fault:
    """One thing that goes wrong, and how often it still will."""

    def __init__(self, spec):
        unknown = set(spec) - {"mode", "stage", "seconds", "times", "to", "text"}
        if unknown:
            raise ValueError(f"A fault has no field {sorted(unknown)[0]!r}.")
        self.mode = str(spec["mode"])
        if self.mode not in WHOLE | {"hang", "drop"} and not re.fullmatch(r"[45]\d\d", self.mode):
            raise ValueError(f"There is no mode {self.mode!r}.")
        self.stage = spec.get("stage") or DEFAULT_STAGE.get(self.mode, "rcpt")
        if self.stage not in STAGES:
            raise ValueError(f"There is no stage {self.stage!r}; there are {', '.join(STAGES)}.")
        self.seconds = float(spec.get("seconds", 5))
        self.times = None if spec.get("times") is None else int(spec["times"])
        self.to = (spec.get("to") or "").lower()
        if self.to and self.stage not in ("rcpt", "message"):
            raise ValueError("A fault for one recipient has the stage rcpt or message.")
        self.text = spec.get("text") or DEFAULT_TEXT.get(self.mode, "Refused by the test")

    def describe(self):
        return {k: v for k, v in vars(self).items() if v not in (None, "")}

    @property
    def spent(self):
        return self.times is not None and self.times <= 0


class State:
    """What is shared between the SMTP loop and the control port; every access holds `changed`."""

    def __init__(self):
        self.changed = threading.Condition(threading.RLock())
        self.faults = []
        self.mails = []
        self.sessions = []
        self.numbers = {"mails": 0, "sessions": 0}

    def number(self, what):
        self.numbers[what] += 1
        return self.numbers[what]

    def has(self, mode):
        """The fault in force that holds for a whole connection, without using it up."""
        with self.changed:
            return next((f for f in self.faults if f.mode == mode and not f.spent), None)

    def use(self, mode):
        """The same, counted as one strike."""
        with self.changed:
            fault = self.has(mode)
            if fault and fault.times is not None:
                fault.times -= 1
            return fault

    def strike(self, stage, recipients=()):
        """The fault that hits this stage, counted as one strike."""
        with self.changed:
            for fault in self.faults:
                if fault.mode in WHOLE or fault.stage != stage or fault.spent:
                    continue
                if fault.to and not any(fault.to in r.lower() for r in recipients):
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
            return None


class Taker:
    """What aiosmtpd calls when the final dot has come; what it returns is the reply."""

    async def handle_DATA(self, server, session, envelope):
        return await server.take(envelope)


class Connection(SMTP):
    """One SMTP connection that asks, before each reply, whether a fault is due."""

    def __init__(self, state, listener, contexts):
        self.state = state
        self.listener = listener
        with state.changed:
            self.note = {
                "id": state.number("sessions"),
                "listener": listener,
                "opened_at": time.time(),
                "commands": [],
                "tls": listener == "tls",
                "auth_in_clear": False,
            }
        starttls = listener == "starttls" and not state.use("stripped")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # AUTH without TLS is what a stripped line offers, on purpose
            super().__init__(
                Taker(),
                hostname="localhost",
                ident="test receiver",
                enable_SMTPUTF8=True,
                tls_context=contexts["switch"] if starttls else None,
                require_starttls=starttls,
                auth_required=listener != "plain",
                auth_require_tls=starttls or listener == "plain",
                authenticator=self.authenticate,
                loop=asyncio.get_running_loop(),
            )
        self.session_user = None

    def connection_made(self, transport):
        super().connection_made(transport)
        with self.state.changed:
            if self.note not in self.state.sessions:
                self.state.sessions.append(self.note)
                self.state.changed.notify_all()

    def authenticate(self, server, session, envelope, mechanism, data):
        self.session_user = data.login.decode("utf-8", "replace")
        good = data.login == USER.encode() and data.password == PASSWORD.encode()
        return AuthResult(success=good, handled=False)

    async def fault(self, stage, recipients=()):
        """Plays the fault that is due, if any. True means: the command was answered, or never will be."""
        slow = self.state.has("slow")
        if slow:
            self.state.use("slow")
            await asyncio.sleep(slow.seconds)
        fault = self.state.strike(stage, recipients)
        if fault is None:
            return False
        if fault.mode == "hang":
            self._timeout_handle.cancel()
            await asyncio.Event().wait()  # ends when the client closes the line
        elif fault.mode == "drop":
            self.cut()
        else:
            await self.push(f"{fault.mode} {fault.text}")
            if fault.mode == "421":
                self.transport.close()
        return True

    def cut(self):
        """A reset, not an orderly close: the way a line breaks."""
        (self._original_transport or self.transport).abort()

    async def _handle_client(self):
        if await self.fault("connect"):
            return
        await super()._handle_client()

    async def step(self, stage, arg, go, recipients=()):
        with self.state.changed:
            verb = stage.upper()
            shown = arg if stage in ("ehlo", "mail", "rcpt") else None
            self.note["commands"].append(f"{verb} {shown}" if shown else verb)
        if not await self.fault(stage, recipients):
            await go(arg)

    async def smtp_EHLO(self, arg):
        await self.step("ehlo", arg, super().smtp_EHLO)

    async def smtp_STARTTLS(self, arg):
        await self.step("starttls", arg, super().smtp_STARTTLS)
        with self.state.changed:
            self.note["tls"] = self._tls_protocol is not None

    async def smtp_AUTH(self, arg):
        with self.state.changed:
            self.note["auth_in_clear"] = not self.note["tls"]
        await self.step("auth", arg, super().smtp_AUTH)

    async def smtp_MAIL(self, arg):
        await self.step("mail", arg, super().smtp_MAIL)

    async def smtp_RCPT(self, arg):
        await self.step("rcpt", arg, super().smtp_RCPT, [arg or ""])

    async def smtp_DATA(self, arg):
        await self.step("data", arg, super().smtp_DATA)

    async def smtp_QUIT(self, arg):
        await self.step("quit", arg, super().smtp_QUIT)

    async def take(self, envelope):
        recipients = list(envelope.rcpt_tos)
        fault = self.state.strike("message", recipients)
        slow = self.state.has("slow")
        if slow:
            await asyncio.sleep(slow.seconds)
        kept = fault is None or fault.mode in ("drop", "hang")
        if kept:
            self.keep(envelope, acknowledged=fault is None)
        if fault is None:
            return "250 2.0.0 Taken"
        if fault.mode == "hang":
            self._timeout_handle.cancel()
            await asyncio.Event().wait()
        if fault.mode == "drop":
            self.cut()
            await asyncio.Event().wait()  # cancelled by connection_lost, so that no 250 is written
        if fault.mode == "421":
            asyncio.get_running_loop().call_later(0.1, self.transport.close)
        return f"{fault.mode} {fault.text}"

    def keep(self, envelope, acknowledged):
        raw = envelope.original_content
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        bodies = {kind: parsed.get_body((kind,)) for kind in ("plain", "html")}
        text = bodies["plain"].get_content() if bodies["plain"] else None
        html = bodies["html"].get_content() if bodies["html"] else None
        mail = {
            "received_at": time.time(),
            "listener": self.listener,
            "session": self.note["id"],
            "tls": self.note["tls"],
            "user": self.session_user,
            "acknowledged": acknowledged,
            "mail_from": envelope.mail_from,
            "rcpt_tos": list(envelope.rcpt_tos),
            "subject": str(parsed["subject"]) if parsed["subject"] is not None else None,
            "from": str(parsed["from"]) if parsed["from"] is not None else None,
            "to": str(parsed["to"]) if parsed["to"] is not None else None,
            "message_id": str(parsed["message-id"]) if parsed["message-id"] is not None else None,
            "headers": [[name, str(value)] for name, value in parsed.items()],
            "content_type": parsed.get_content_type(),
            "parts": [part.get_content_type() for part in parsed.walk()],
            "defects": [type(d).__name__ for part in parsed.walk() for d in part.defects],
            "text": text,
            "html": html,
            "links": list(dict.fromkeys(re.findall(r"https?://[^\s<>\"']+", text or html or ""))),
            "raw": raw.decode("utf-8", "replace"),
            "raw_base64": base64.b64encode(raw).decode("ascii"),
        }
        with self.state.changed:
            mail["id"] = self.state.number("mails")
            self.state.mails.append(mail)
            self.state.changed.notify_all()


def openssl(*args, cwd):
    done = subprocess.run(["openssl", *args], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"openssl {args[0]} failed: {done.stderr.strip()}")


def make_certificates(folder):
    """Two authorities, one of which nobody trusts, and the four certificates this server can show."""
    for authority in ("ca", "stranger"):
        openssl(
            *"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30".split(),
            "-keyout", f"{authority}.key", "-out", f"{authority}.pem", "-subj", f"/CN=Muster tests {authority}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=folder,
        )  # fmt: skip
    right = "DNS:localhost,IP:127.0.0.1,IP:::1"
    for name, authority, names in (
        ("good", "ca", right),
        ("wrong-host", "ca", "DNS:mail.elsewhere.example,IP:192.0.2.25"),
        ("untrusted", "stranger", right),
        ("expired", "ca", right),
    ):
        openssl(
            *"req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(),
            "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN=Muster tests {name}", cwd=folder,
        )  # fmt: skip
        extensions = folder / f"{name}.ext"
        extensions.write_text(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            f"extendedKeyUsage=serverAuth\nsubjectAltName={names}\n"
        )
        if name == "expired":
            # `openssl x509` can't set dates in this version, `openssl ca` can, with the little register it wants.
            (folder / "index.txt").write_text("")
            (folder / "ca.cnf").write_text(
                "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\n"
                "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
            )
            openssl(
                *"ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key".split(),
                "-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", extensions.name,
                "-startdate", "20200101000000Z", "-enddate", "20210101000000Z", cwd=folder,
            )  # fmt: skip
        else:
            openssl(
                *"x509 -req -days 30 -CAcreateserial".split(),
                "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                "-extfile", extensions.name, "-out", f"{name}.pem", cwd=folder,
            )  # fmt: skip


def make_contexts(folder, state):
    contexts = {}
    for name in CERTIFICATES:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        contexts[name] = context
    switch = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    switch.load_cert_chain(folder / "good.pem", folder / "good.key")

    def choose(connection, _name, _context):
        # Called in every handshake, with a name or without one: the certificate can change while listeners stay.
        for name in CERTIFICATES[1:]:
            if state.use(name):
                connection.context = contexts[name]

    switch.sni_callback = choose
    contexts["switch"] = switch
    return contexts


class Listeners:
    """The three listeners; they can be closed and opened again on the same ports."""

    def __init__(self, state, contexts):
        self.state, self.contexts = state, contexts
        self.ports = {"plain": 0, "starttls": 0, "tls": 0}
        self.servers = []

    async def open(self):
        if self.servers:
            return
        loop = asyncio.get_running_loop()
        for name, port in self.ports.items():
            server = await loop.create_server(
                lambda name=name: Connection(self.state, name, self.contexts),
                "127.0.0.1",
                port,
                ssl=self.contexts["switch"] if name == "tls" else None,
            )
            self.ports[name] = server.sockets[0].getsockname()[1]
            self.servers.append(server)

    async def close(self):
        for server in self.servers:
            server.close()
        self.servers = []


class Control(BaseHTTPRequestHandler):
    """The control port. Each request has a thread of its own, so that waiting for a mail blocks nobody."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        state = self.server.state
        url = urlsplit(self.path)
        query = {k: v[-1] for k, v in parse_qs(url.query).items()}
        if url.path == "/mails":
            to, count = query.get("to", "").lower(), int(query.get("count", 0))
            deadline = time.monotonic() + float(query.get("timeout", 20))

            def found():
                return [m for m in state.mails if not to or to in (r.lower() for r in m["rcpt_tos"])]

            with state.changed:
                enough = state.changed.wait_for(lambda: len(found()) >= count, deadline - time.monotonic())
                mails = found()
            self.answer(200 if enough else 408, mails)
        elif url.path == "/sessions":
            with state.changed:
                self.answer(200, state.sessions)
        elif url.path == "/mode":
            with state.changed:
                self.answer(200, [f.describe() for f in state.faults if not f.spent])
        else:
            self.answer(404, {"error": "There are /mails, /sessions and /mode."})

    def do_DELETE(self):
        state = self.server.state
        if self.path not in ("/mails", "/sessions"):
            return self.answer(404, {"error": "There are /mails and /sessions to empty."})
        with state.changed:
            getattr(state, self.path[1:]).clear()
        self.answer(200, [])

    def do_PUT(self):
        state = self.server.state
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/mode":
            return self.answer(404, {"error": "There is /mode to set."})
        try:
            faults = parse_faults(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self.answer(400, {"error": f"This isn't a fault: {error}"})
        with state.changed:
            state.faults = faults
        self.server.apply()
        self.answer(200, [f.describe() for f in faults])


def parse_faults(value):
    specs = value if isinstance(value, list) else [value]
    return [Fault(spec) for spec in specs if str(spec["mode"]) != "accept"]


async def serve(args, folder, parent):
    state = State()
    state.faults = parse_faults({k: v for k, v in vars(args).items() if v is not None})
    make_certificates(folder)
    listeners = Listeners(state, make_contexts(folder, state))
    await listeners.open()
    loop = asyncio.get_running_loop()

    async def follow():
        await (listeners.close() if state.has("closed") else listeners.open())

    await follow()
    control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    control.daemon_threads = True
    control.state = state
    control.apply = lambda: asyncio.run_coroutine_threadsafe(follow(), loop).result(10)
    threading.Thread(target=control.serve_forever, daemon=True).start()

    end = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end.set)
    print(
        json.dumps(
            {
                "control": f"http://127.0.0.1:{control.server_address[1]}",
                **listeners.ports,
                "user": USER,
                "password": PASSWORD,
                "ca_file": str(folder / "ca.pem"),
                "pid": os.getpid(),
            }
        ),
        flush=True,
    )
    while not end.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(end.wait(), 1)
        except asyncio.TimeoutError:
            pass
    await listeners.close()


def main():
    parent = os.getppid()  # asked before the first line is printed: whoever reads it may end at once
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", default="accept", help="the fault in force from the start")
    parser.add_argument("--stage", choices=STAGES)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--times", type=int)
    parser.add_argument("--to", help="only for recipients whose address contains this")
    parser.add_argument("--text", help="text of the reply")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="muster-smtp-"))
    try:
        asyncio.run(serve(args, folder, parent))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
