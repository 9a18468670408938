// One browser, Debian's Chromium; four ways of using the portal, each a project that runs the same journeys.
import { defineConfig } from "@playwright/test";

const everyone = /journeys\/.*\.spec\.mjs/;
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
    trace: "retain-on-failure",
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
    { name: "no-js", testMatch: everyone, use: { javaScriptEnabled: false } },
    { name: "keyboard", testMatch: everyone, use: { hands: "keyboard" } },
    { name: "phone", testMatch: everyone, use: { viewport: { width: 390, height: 844 }, hasTouch: true } },
    { name: "pages", testMatch: once },
  ],
});
