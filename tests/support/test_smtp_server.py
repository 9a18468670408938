"""The mail receiver checked with Python's own SMTP client. Run: /usr/bin/python3 -m unittest discover -s tests/support"""

import json
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path

SERVER = Path(__file__).with_name("smtp_server.py")


def message(to="noor@kestrel.example", number=1):
    mail = EmailMessage()
    mail["From"] = "Muster <muster@localhost>"
    mail["To"] = to
    mail["Subject"] = "You are invited to join Zürich Räder"
    mail["Message-ID"] = f"<{number}@localhost>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("Hello Noor,\n\nhttps://muster.example/i/inv_abc-DEF_123\n\nUntil 27 November.\n")
    mail.add_alternative('<p>Hello <a href="https://muster.example/i/inv_abc-DEF_123">Noor</a></p>', subtype="html")
    return mail


class Receiver(unittest.TestCase):
    def setUp(self):
        self.process = subprocess.Popen([str(SERVER)], stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.process.stdout.readline())
        self.trust = ssl.create_default_context(cafile=self.about["ca_file"])

    def tearDown(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
        self.assertFalse(Path(self.about["ca_file"]).exists(), "the folder with the keys is removed")

    def control(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(self.about["control"] + path, body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def mode(self, **fault):
        return self.control("PUT", "/mode", fault)

    def mails(self, query=""):
        return self.control("GET", "/mails" + query)

    def plain(self, timeout=10):
        return smtplib.SMTP("127.0.0.1", self.about["plain"], timeout=timeout)

    def send_plain(self, **kw):
        with self.plain() as client:
            client.send_message(message(**kw))

    def send_starttls(self, host="127.0.0.1"):
        with smtplib.SMTP(host, self.about["starttls"], timeout=10) as client:
            client.starttls(context=self.trust)
            client.login(self.about["user"], self.about["password"])
            client.send_message(message())

    def send_tls(self, host="127.0.0.1"):
        with smtplib.SMTP_SSL(host, self.about["tls"], timeout=10, context=self.trust) as client:
            client.login(self.about["user"], self.about["password"])
            client.send_message(message())

    def test_plain_mail_is_parsed(self):
        self.send_plain()
        (mail,) = self.mails("?to=NOOR@kestrel.example&count=1&timeout=5")
        self.assertEqual(mail["subject"], "You are invited to join Zürich Räder")
        self.assertEqual(mail["message_id"], "<1@localhost>")
        self.assertEqual(mail["rcpt_tos"], ["noor@kestrel.example"])
        self.assertEqual(mail["links"], ["https://muster.example/i/inv_abc-DEF_123"])
        self.assertIn("Hello Noor", mail["text"])
        self.assertIn("<p>Hello", mail["html"])
        self.assertIn(["Auto-Submitted", "auto-generated"], mail["headers"])
        self.assertEqual(mail["parts"], ["multipart/alternative", "text/plain", "text/html"])
        self.assertEqual((mail["tls"], mail["user"], mail["defects"]), (False, None, []))
        self.assertIn("Message-ID: <1@localhost>", mail["raw"])

    def test_waiting_for_a_mail_ends_when_it_comes(self):
        timer = threading.Timer(0.5, self.send_plain)
        timer.start()
        started = time.monotonic()
        self.assertEqual(len(self.mails("?to=noor@kestrel.example&count=1&timeout=10")), 1)
        self.assertLess(time.monotonic() - started, 5)
        timer.join()

    def test_waiting_for_a_mail_that_never_comes_is_408(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.mails("?to=nobody@kestrel.example&count=1&timeout=0.3")
        self.assertEqual(caught.exception.code, 408)
        caught.exception.close()

    def test_mails_can_be_forgotten(self):
        self.send_plain()
        self.control("DELETE", "/mails")
        self.assertEqual(self.mails(), [])

    def test_starttls_with_authentication(self):
        for host in ("127.0.0.1", "localhost"):
            self.send_starttls(host)
        mails = self.mails()
        self.assertEqual([(m["tls"], m["user"]) for m in mails], [(True, "muster")] * 2)

    def test_starttls_listener_demands_both(self):
        with smtplib.SMTP("127.0.0.1", self.about["starttls"], timeout=10) as client:
            with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
                client.send_message(message())
            self.assertEqual(caught.exception.smtp_code, 530)
            client.starttls(context=self.trust)
            with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
                client.send_message(message())
            self.assertEqual(caught.exception.smtp_code, 530)
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                client.login("muster", "wrong")
        self.assertEqual(self.mails(), [])

    def test_implicit_tls_with_authentication(self):
        for host in ("127.0.0.1", "localhost"):
            self.send_tls(host)
        self.assertEqual([m["listener"] for m in self.mails()], ["tls", "tls"])

    def test_replies_to_the_recipient(self):
        for code in (450, 550):
            self.mode(mode=str(code))
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
                self.send_plain()
            self.assertEqual(caught.exception.recipients["noor@kestrel.example"][0], code)
        self.assertEqual(self.mails(), [])

    def test_a_fault_for_one_recipient_leaves_the_others(self):
        self.mode(mode="550", to="bounce@")
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.send_plain(to="bounce@kestrel.example")
        self.send_plain()
        self.assertEqual(len(self.mails()), 1)

    def test_a_fault_strikes_as_often_as_told(self):
        self.mode(mode="450", times=2)
        for _ in range(2):
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                self.send_plain()
        self.send_plain()
        self.assertEqual(len(self.mails()), 1)
        self.assertEqual(self.control("GET", "/mode"), [])

    def test_421_greets_and_closes(self):
        self.mode(mode="421")
        with self.assertRaises(smtplib.SMTPConnectError) as caught:
            self.plain()
        self.assertEqual(caught.exception.smtp_code, 421)

    def test_552_comes_after_the_message(self):
        self.mode(mode="552")
        with self.assertRaises(smtplib.SMTPDataError) as caught:
            self.send_plain()
        self.assertEqual(caught.exception.smtp_code, 552)
        self.assertEqual(self.mails(), [])

    def test_535_to_the_password(self):
        self.mode(mode="535")
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.send_starttls()

    def test_slow_waits_before_each_reply(self):
        self.mode(mode="slow", seconds=0.3)
        started = time.monotonic()
        self.send_plain()
        self.assertGreater(time.monotonic() - started, 6 * 0.3)  # greeting, EHLO, MAIL, RCPT, DATA, message, QUIT
        self.assertEqual(len(self.mails()), 1)

    def test_hang_never_greets(self):
        self.mode(mode="hang")
        with self.assertRaisesRegex(smtplib.SMTPServerDisconnected, "timed out"):
            self.plain(timeout=1)
        self.mode(mode="accept")
        self.send_plain()

    def test_hang_at_a_later_stage(self):
        self.mode(mode="hang", stage="rcpt")
        with self.assertRaises((smtplib.SMTPServerDisconnected, TimeoutError)):
            with self.plain(timeout=1) as client:
                client.send_message(message())

    def test_drop_keeps_the_mail_but_never_says_so(self):
        self.mode(mode="drop", times=1)
        with self.assertRaises((smtplib.SMTPServerDisconnected, ConnectionError)):
            self.send_plain()
        self.send_plain()
        self.assertEqual(
            [(m["message_id"], m["acknowledged"]) for m in self.mails()],
            [("<1@localhost>", False), ("<1@localhost>", True)],
        )

    def test_drop_under_tls(self):
        self.mode(mode="drop", times=1)
        with self.assertRaises((smtplib.SMTPServerDisconnected, ConnectionError, ssl.SSLError)):
            self.send_starttls()
        self.assertEqual([m["acknowledged"] for m in self.mails()], [False])

    def test_stripped_offers_no_starttls_and_sees_a_careless_password(self):
        self.mode(mode="stripped")
        with self.assertRaises(smtplib.SMTPNotSupportedError):
            self.send_starttls()
        self.assertFalse(any(s["auth_in_clear"] for s in self.control("GET", "/sessions")))
        with smtplib.SMTP("127.0.0.1", self.about["starttls"], timeout=10) as client:
            client.login(self.about["user"], self.about["password"])
        self.assertTrue(self.control("GET", "/sessions")[-1]["auth_in_clear"])
        self.mode(mode="accept")
        self.send_starttls()

    def test_bad_certificates_are_refused_by_a_careful_client(self):
        for mode, why in (
            ("wrong-host", "mismatch"),
            ("untrusted", "unable to get local issuer|self.signed"),
            ("expired", "expired"),
        ):
            for send in (self.send_starttls, self.send_tls):
                for host in ("127.0.0.1", "localhost"):
                    with self.subTest(mode=mode, send=send.__name__, host=host):
                        self.mode(mode=mode)
                        with self.assertRaisesRegex(ssl.SSLCertVerificationError, why):
                            send(host)
        self.assertEqual(self.mails(), [])
        self.mode(mode="accept")
        self.send_starttls()
        self.send_tls()

    def test_closed_ports_open_again_where_they_were(self):
        self.mode(mode="closed")
        with self.assertRaises(ConnectionRefusedError):
            self.plain()
        self.mode(mode="accept")
        self.send_plain()
        self.assertEqual(len(self.mails()), 1)

    def test_several_faults_at_once(self):
        self.control("PUT", "/mode", [{"mode": "450", "to": "busy@"}, {"mode": "550", "to": "gone@"}])
        for to, code in (("busy@kestrel.example", 450), ("gone@kestrel.example", 550)):
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as caught:
                self.send_plain(to=to)
            self.assertEqual(caught.exception.recipients[to][0], code)

    def test_sessions_tell_what_was_said(self):
        self.send_plain()
        (session,) = self.control("GET", "/sessions")
        self.assertEqual([c.split()[0] for c in session["commands"]], ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"])

    def test_a_fault_that_isnt_one_is_refused_in_a_sentence(self):
        for fault in ({"mode": "sideways"}, {"mode": "450", "stage": "lunch"}, {"mode": "450", "tims": 2}, {}):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.control("PUT", "/mode", fault)
            self.assertEqual(caught.exception.code, 400)
            self.assertIn("This isn't a fault", json.load(caught.exception)["error"])
            caught.exception.close()


class Lifetime(unittest.TestCase):
    def test_it_ends_with_the_process_that_started_it(self):
        starter = (
            "import subprocess, sys;"
            f"p = subprocess.Popen([{str(SERVER)!r}, '--mode', '450'], stdout=subprocess.PIPE, text=True);"
            "print(p.stdout.readline(), end='', flush=True)"
        )
        line = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, timeout=30).stdout
        about = json.loads(line)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", about["plain"]), 1).close()
                time.sleep(0.2)
            except ConnectionRefusedError:
                return
        self.fail("the receiver outlived the process that started it")


if __name__ == "__main__":
    unittest.main()
