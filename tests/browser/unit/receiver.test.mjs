// The control of the mail receiver, proved with mails that Python's own SMTP client sends.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, beforeEach, test } from "node:test";
import { Receiver } from "../lib/receiver.mjs";

const client = `
import smtplib, ssl, sys
from email.message import EmailMessage
port, ca, user, password, to = sys.argv[1:]
mail = EmailMessage()
mail["From"], mail["To"], mail["Subject"] = "muster@localhost", to, "You are invited to join Zürich"
mail["Auto-Submitted"] = "auto-generated"
mail.set_content("Open https://muster.example/i/one\\n\\nor https://muster.example/two\\n")
with smtplib.SMTP("localhost", int(port), timeout=10) as smtp:
    smtp.starttls(context=ssl.create_default_context(cafile=ca))
    smtp.login(user, password)
    smtp.send_message(mail)
`;

let receiver;
before(async () => (receiver = await Receiver.start()));
after(() => receiver.stop());
beforeEach(() => receiver.forget());

async function send(to) {
  const { starttls, ca_file, user, password } = receiver.about;
  const child = spawn("/usr/bin/python3", ["-c", client, String(starttls), ca_file, user, password, to]);
  const [code] = await once(child, "exit");
  return code;
}

test("mailTo waits for the mail and takes it apart", async () => {
  const waiting = receiver.mailTo("Noor@kestrel.example");
  assert.equal(await send("noor@kestrel.example"), 0);
  const mail = await waiting;
  assert.equal(mail.subject, "You are invited to join Zürich");
  assert.equal(mail.link, "https://muster.example/i/one");
  assert.equal(mail.header("auto-submitted"), "auto-generated");
  assert.equal(mail.tls, true);
  assert.equal(mail.user, receiver.about.user);
});

test("mailTo can wait for the second one", async () => {
  await send("noor@kestrel.example");
  await assert.rejects(receiver.mailTo("noor@kestrel.example", { count: 2, timeout: 0.3 }), /received 1 of 2 mails/);
  await send("noor@kestrel.example");
  assert.equal((await receiver.mailTo("noor@kestrel.example", { count: 2 })).id > 1, true);
});

test("a mail that doesn't come names those that came", async () => {
  await send("other@kestrel.example");
  await assert.rejects(receiver.mailTo("noor@kestrel.example", { timeout: 0.3 }), /Mails came for: other@kestrel\.example/);
});

test("a fault can be switched on, and forget ends it", async () => {
  await receiver.mode({ mode: "550" });
  assert.notEqual(await send("noor@kestrel.example"), 0);
  await receiver.forget();
  assert.equal(await send("noor@kestrel.example"), 0);
});

test("a fault that doesn't exist is an error", async () => {
  await assert.rejects(receiver.mode({ mode: "sideways" }), /no mode 'sideways'/);
});

test("the address for the portal carries the password safely", () => {
  const url = new URL(receiver.url);
  assert.equal(decodeURIComponent(url.password), receiver.about.password);
  assert.equal(url.searchParams.get("tls"), "required");
});
