// Runs once before all tests: fills one folder through `muster demo`. Each test then works on a copy of its own,
// so no test sees another's people, and no rate limit adds up over tests.
import { rm } from "node:fs/promises";
import { Portal } from "./portal.mjs";

export default async function seed() {
  const demo = await Portal.start({ args: ["demo", "--json", "--data", "DATA"] });
  try {
    const { url, accounts } = await demo.announcement();
    if (new URL(url).origin !== demo.url) throw new Error(`The demo announces ${url} but listens on ${demo.url}.`);
    for (const account of accounts) {
      for (const field of ["name", "email", "password", "role"]) {
        if (!account[field]) throw new Error(`An account of the demo has no ${field}: ${JSON.stringify(account)}`);
      }
    }
    process.env.SEED_DATA = demo.data;
    process.env.SEED_ACCOUNTS = JSON.stringify(accounts);
  } finally {
    await demo.stop({ keep: true });
  }
  return () => rm(demo.folder, { recursive: true, force: true });
}
