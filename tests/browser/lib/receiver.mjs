// The real SMTP receiver of tests/support, started as a child, and its control port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../support/smtp_server.py", import.meta.url));

export class Receiver {
  static async start() {
    const child = spawn(program, [], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const [first] = await Promise.race([
      once(lines, "line"),
      once(child, "exit").then(([code]) => {
        throw new Error(`The mail receiver ended at once with code ${code}.`);
      }),
    ]);
    return new Receiver(child, JSON.parse(first));
  }

  constructor(child, about) {
    this.child = child;
    this.about = about;
  }

  /** The address of the listener that demands STARTTLS and a password, as MUSTER_SMTP_URL wants it. */
  get url() {
    const { user, password, starttls } = this.about;
    return `smtp://${encodeURIComponent(user)}:${encodeURIComponent(password)}@localhost:${starttls}?tls=required`;
  }

  async ask(method, path, value) {
    const answer = await fetch(this.about.control + path, {
      method,
      body: value === undefined ? undefined : JSON.stringify(value),
    });
    return { status: answer.status, body: await answer.json() };
  }

  /** Sets the faults in force: `{ mode: "450", times: 1 }`, see smtp_server.py; `{ mode: "accept" }` ends them. */
  async mode(fault) {
    const { status, body } = await this.ask("PUT", "/mode", fault);
    if (status !== 200) throw new Error(body.error);
  }

  async forget() {
    await this.ask("DELETE", "/mails");
    await this.ask("DELETE", "/sessions");
    await this.mode({ mode: "accept" });
  }

  async all() {
    return (await this.ask("GET", "/mails")).body;
  }

  /**
   * Waits until `address` has received `count` mails and returns the last one, parsed, with its first link; with `about`, until one came
   * whose subject fits, because the portal writes of other things too.
   */
  async mailTo(address, { count = 1, timeout = 20, about } = {}) {
    for (let tries = 0; about && tries < timeout * 5; tries++) {
      const mail = (await this.all()).find((one) => one.rcpt_tos.includes(address) && about.test(header(one, "Subject") ?? ""));
      if (mail) return { ...mail, link: mail.links[0], header: (name) => header(mail, name) };
      await new Promise((done) => setTimeout(done, 200));
    }
    if (about) throw new Error(`${address} received no mail about ${about} in ${timeout} s.`);
    const query = new URLSearchParams({ to: address, count: String(count), timeout: String(timeout) });
    const { status, body } = await this.ask("GET", `/mails?${query}`);
    if (status !== 200) {
      const seen = (await this.all()).map((mail) => mail.rcpt_tos.join(", "));
      throw new Error(
        `${address} received ${body.length} of ${count} mails in ${timeout} s. Mails came for: ${seen.join("; ") || "nobody"}.`,
      );
    }
    const mail = body[count - 1];
    return { ...mail, link: mail.links[0], header: (name) => header(mail, name) };
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await ended;
  }
}

function header(mail, name) {
  return mail.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
