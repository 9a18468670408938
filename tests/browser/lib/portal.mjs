// The real program, started with its own folder on a free loopback port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  const path = process.env.MUSTER_BINARY ?? join(target, "debug", "muster");
  if (!existsSync(path)) throw new Error(`There is no program at ${path}. Run cargo build first.`);
  return path;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Nothing of the caller's own Muster leaks into the one under test. */
function environment(extra) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("MUSTER_"));
  return { ...Object.fromEntries(kept), ...extra };
}

export class Portal {
  /**
   * Starts `muster` with these arguments on a free port.
   * `seed` is a folder whose content the data folder starts with; without it the data folder doesn't exist yet.
   */
  static async start({ args = [], seed, mail, env = {} } = {}) {
    const folder = await mkdtemp(join(tmpdir(), "muster-browser-"));
    const data = join(folder, "data");
    if (seed) await cp(seed, data, { recursive: true });
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    // The demonstration takes its folder from the flag alone, so that it never fills a real one.
    const child = spawn(binary(), args.map((arg) => (arg === "DATA" ? data : arg)), {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: environment({
        MUSTER_LISTEN: `127.0.0.1:${port}`,
        MUSTER_PUBLIC_URL: url,
        MUSTER_DATA: data,
        ...(mail && {
          MUSTER_SMTP_URL: mail.url,
          MUSTER_MAIL_FROM: "Muster <muster@muster.example>",
          SSL_CERT_FILE: mail.about.ca_file,
        }),
        ...env,
      }),
    });
    const portal = new Portal(child, folder, data, url);
    try {
      await portal.ready();
    } catch (error) {
      child.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return portal;
  }

  constructor(child, folder, data, url) {
    Object.assign(this, { child, folder, data, url, out: "", err: "" });
    child.stdout.setEncoding("utf8").on("data", (text) => (this.out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (this.err += text));
  }

  /** Everything the program has said, for a failure's attachment. */
  get log() {
    return `${this.out}\n${this.err}`;
  }

  async until(what, seconds, look) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const found = await look();
      if (found) return found;
      if (this.child.exitCode !== null) throw new Error(`muster ended with code ${this.child.exitCode}:\n${this.log}`);
      if (Date.now() > end) throw new Error(`${what} took longer than ${seconds} s:\n${this.log}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async ready() {
    await this.until("Getting ready", 120, async () => {
      try {
        return (await fetch(`${this.url}/readyz`)).ok;
      } catch {
        return false;
      }
    });
  }

  /** The one line that `muster demo --json` prints. */
  async announcement() {
    const line = await this.until("The demo's announcement", 120, () =>
      this.out.split("\n").slice(0, -1).find((text) => text.startsWith("{")),
    );
    return JSON.parse(line);
  }

  /** The one-time link that a start with an empty folder prints. */
  async setupLink() {
    return this.until("The set-up link", 30, () => this.log.match(/https?:\/\/\S+\/setup\/[\w-]+/)?.[0]);
  }

  /** Ends the program the way an operator does. A stop that isn't clean is an error. */
  async stop({ keep = false } = {}) {
    let { exitCode: code, signalCode: signal } = this.child;
    if (code === null && signal === null) {
      const ended = once(this.child, "exit");
      const late = setTimeout(() => this.child.kill("SIGKILL"), 15_000);
      this.child.kill("SIGTERM");
      [code, signal] = await ended;
      clearTimeout(late);
    }
    if (!keep) await rm(this.folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`muster ended with ${code ?? signal} after SIGTERM:\n${this.log}`);
  }
}
