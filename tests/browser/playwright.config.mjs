// One browser, Debian's Chromium; four ways of using the portal, each a project that runs the same journeys.
import { defineConfig } from "@playwright/test";

const everyone = /journeys\/.*\.spec\.mjs/;
// Other ways than a pointer with JavaScript go where people go every day, and with MUSTER_LONG=1 everywhere: two cores need half an
// hour for all of it. Forms without JavaScript are what the HTTP tests send, and pages/ looks at every page at 390 px.
const often = process.env.MUSTER_LONG ? everyone : /journeys\/(invitations|limits|sign-in|usage|workflow)\.spec\.mjs/;
const byKey = process.env.MUSTER_LONG ? everyone : /journeys\/(invitations|limits|members|sign-in|usage|workflow)\.spec\.mjs/;
const once = /pages\/.*\.spec\.mjs/;

export default defineConfig({
  testDir: ".",
  globalSetup: "./lib/seed.mjs",
  outputDir: "test-results",
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  timeout: 300_000,
  expect: { timeout: 8_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    contextOptions: { reducedMotion: "reduce" },
    actionTimeout: 8_000,
    navigationTimeout: 15_000,
    screenshot: "only-on-failure",
    // A trace films every test, which doubles what the browser has to do. MUSTER_TRACE=1 asks for it.
    trace: process.env.MUSTER_TRACE ? "retain-on-failure" : "off",
    launchOptions: {
      executablePath: process.env.MUSTER_CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    },
  },
  projects: [
    { name: "js", testMatch: everyone },
    { name: "no-js", testMatch: often, use: { javaScriptEnabled: false } },
    { name: "keyboard", testMatch: byKey, use: { hands: "keyboard" } },
    { name: "phone", testMatch: often, use: { viewport: { width: 390, height: 844 }, hasTouch: true } },
    { name: "pages", testMatch: once },
  ],
});
