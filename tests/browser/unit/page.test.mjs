// The helpers that judge a page, tried on pages that are right and on pages that are wrong in one thing.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { chromium } from "@playwright/test";
import { violations } from "../lib/axe.mjs";
import { Keyboard } from "../lib/hands.mjs";
import { shots } from "../lib/shots.mjs";
import config from "../playwright.config.mjs";

let browser, page, hands;
before(async () => (browser = await chromium.launch(config.use.launchOptions)));
after(() => browser.close());
beforeEach(async () => {
  await page?.context().close();
  page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  hands = new Keyboard(page);
});

const document = (body, style = "") =>
  `<!doctype html><html lang="en"><head><title>Trial</title><meta name="color-scheme" content="light dark">
   <style>${style}</style></head><body><main><h1>Trial</h1>${body}</main></body></html>`;

test("axe finds nothing on a good page and names what is wrong on a bad one", async () => {
  await page.setContent(document("<label>Email <input type=email></label>"));
  assert.deepEqual(await violations(page), []);
  await page.setContent(document("<input type=email>"));
  assert.deepEqual((await violations(page)).map((one) => one.rule), ["label"]);
});

test("axe sees the dark theme too", async () => {
  await page.setContent(document("<p>Faint</p>", "p { color: light-dark(#111, #333); } :root { background: light-dark(#fff, #111) }"));
  await page.emulateMedia({ colorScheme: "light" });
  assert.deepEqual(await violations(page), []);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.deepEqual((await violations(page)).map((one) => one.rule), ["color-contrast"]);
});

test("the keyboard fills, chooses, checks and sends a form", async () => {
  await page.setContent(
    document(`<form><label>Email <input type=text name=email value=old></label>
      <label>Text <textarea name=text></textarea></label>
      <label>Role <select name=role><option>Developer<option>Viewer<option>Manager</select></label>
      <label><input type=checkbox name=sure>Sure</label><button>Send</button></form>`),
  );
  await page.evaluate(() => {
    globalThis.document.forms[0].addEventListener("submit", (event) => {
      event.preventDefault();
      globalThis.sent = [...new FormData(event.target)].map(([key, value]) => `${key}=${value}`);
    });
  });
  await hands.fill(page.getByLabel("Email"), "noor@kestrel.example");
  await hands.fill(page.getByLabel("Text"), "one\ntwo");
  await hands.choose(page.getByLabel("Role"), "Manager");
  await hands.check(page.getByLabel("Sure"));
  await hands.activate(page.getByRole("button", { name: "Send" }));
  assert.deepEqual(await page.evaluate(() => globalThis.sent), [
    "email=noor@kestrel.example",
    "text=one\ntwo",
    "role=Manager",
    "sure=on",
  ]);
});

test("the keyboard opens a popover and goes back to what lies before", async () => {
  await page.setContent(
    document(`<a href="#first">First</a><button popovertarget=menu>Menu</button>
      <div id=menu popover><a href="#inside">Inside</a></div><a href="#last">Last</a>`),
  );
  await hands.activate(page.getByRole("button", { name: "Menu" }));
  await hands.activate(page.getByRole("link", { name: "Inside" }));
  assert.match(page.url(), /#inside$/);
  await hands.activate(page.getByRole("link", { name: "First" }));
  assert.match(page.url(), /#first$/);
});

test("what Tab can't reach is an error", async () => {
  await page.setContent(document("<button tabindex=-1>Hidden from Tab</button><button>Other</button>"));
  await assert.rejects(hands.reach(page.getByRole("button", { name: "Hidden" }), 20), /can't be reached with Tab/);
});

test("a focus that can't be seen is an error", async () => {
  await page.setContent(document("<button>Send</button>", "button:focus-visible { outline: none }"));
  await assert.rejects(hands.reach(page.getByRole("button", { name: "Send" })), /nothing shows it/);
});

test("screenshots are written when a folder is named, and only then", async () => {
  const folder = await mkdtemp(join(tmpdir(), "muster-shots-"));
  try {
    await page.setContent(document("<p>Look</p>"));
    await shots(page, "nothing");
    process.env.MUSTER_SHOTS = folder;
    await shots(page, "trial");
    assert.deepEqual((await readdir(folder)).sort(), ["trial-390.png", "trial-dark.png", "trial-light.png"]);
    assert.deepEqual(page.viewportSize(), { width: 1440, height: 900 });
  } finally {
    delete process.env.MUSTER_SHOTS;
    await rm(folder, { recursive: true });
  }
});
