// How a program is started, watched and ended, tried with a little program that behaves well or badly.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Portal } from "../lib/portal.mjs";

const program = `#!/usr/bin/env node
const [port] = process.env.MUSTER_LISTEN.split(":").slice(1);
if (process.argv[2] === "broken") { console.error("MUSTER_DATA isn't writable."); process.exit(78); }
const fs = require("fs");
require("http").createServer((q, a) => a.end(JSON.stringify({ env: process.env, data: fs.existsSync(process.env.MUSTER_DATA) })))
  .listen(port, "127.0.0.1", () => {
    console.log(JSON.stringify({ url: process.env.MUSTER_PUBLIC_URL, accounts: [] }));
    console.error("Open " + process.env.MUSTER_PUBLIC_URL + "/setup/mst_set_abc-DEF_1 once.");
  });
process.on("SIGTERM", () => process.exit(process.argv[2] === "unclean" ? 3 : 0));
`;

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-unit-"));
  process.env.MUSTER_BINARY = join(folder, "muster");
  process.env.MUSTER_STRANGER = "the caller's own";
  await writeFile(process.env.MUSTER_BINARY, program);
  await chmod(process.env.MUSTER_BINARY, 0o755);
});
after(() => rm(folder, { recursive: true }));

test("a portal starts, announces itself and is gone after the stop", async () => {
  const portal = await Portal.start();
  assert.deepEqual(await portal.announcement(), { url: portal.url, accounts: [] });
  assert.equal(await portal.setupLink(), `${portal.url}/setup/mst_set_abc-DEF_1`);
  const { env, data } = await (await fetch(portal.url)).json();
  assert.equal(env.MUSTER_PUBLIC_URL, portal.url);
  assert.equal(env.MUSTER_STRANGER, undefined);
  assert.equal(data, false, "a first start finds no data folder");
  await portal.stop();
  assert.equal(existsSync(portal.folder), false);
  await assert.rejects(fetch(portal.url));
});

test("a portal can start with a copy of a folder", async () => {
  const seed = await mkdtemp(join(tmpdir(), "muster-seed-"));
  await writeFile(join(seed, "muster.db"), "rows");
  const portal = await Portal.start({ seed });
  assert.equal(existsSync(join(portal.data, "muster.db")), true);
  await portal.stop();
  assert.equal(existsSync(join(seed, "muster.db")), true);
  await rm(seed, { recursive: true });
});

test("a program that ends at once is reported with what it said", async () => {
  await assert.rejects(Portal.start({ args: ["broken"] }), /code 78[^]*MUSTER_DATA isn't writable/);
});

test("a stop that isn't clean is an error", async () => {
  const portal = await Portal.start({ args: ["unclean"] });
  await assert.rejects(portal.stop(), /ended with 3 after SIGTERM/);
});
