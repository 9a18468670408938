// What every journey starts from: a portal of its own, a mail receiver, people, and hands to use a page with.
import { test as base, expect } from "@playwright/test";
import { axe, fitsInto } from "./axe.mjs";
import { handsFor } from "./hands.mjs";
import { Portal } from "./portal.mjs";
import { Receiver } from "./receiver.mjs";
import { shots } from "./shots.mjs";
import * as steps from "./steps.mjs";

const roles = {
  "Org Admin": /^(org(anization)? admin(istrator)?|administrator)$/i,
  "Enterprise Administrator": /^enterprise admin/i,
  Manager: /^manager$/i,
  Member: /^(organization )?member$/i,
};

async function withPortal(options, use, info) {
  const portal = await Portal.start(options);
  try {
    await use(portal);
  } finally {
    if (info.status !== info.expectedStatus) await info.attach("muster.log", { body: portal.log });
    await portal.stop();
  }
}

export const test = base.extend({
  /** "pointer" or "keyboard"; set by the project. */
  hands: ["pointer", { option: true }],

  receiver: [
    async ({}, use) => {
      const receiver = await Receiver.start();
      await use(receiver);
      await receiver.stop();
    },
    { scope: "worker" },
  ],

  mail: async ({ receiver }, use) => {
    await receiver.forget();
    await use(receiver);
  },

  /** The demo's enterprise, in a copy that only this test sees. */
  portal: async ({ mail }, use, info) => {
    await withPortal({ seed: process.env.SEED_DATA, mail }, use, info);
  },

  /** A first start: nothing configured but the address and the mail server, an empty folder. */
  fresh: async ({ mail }, use, info) => {
    await withPortal({ mail }, use, info);
  },

  accounts: async ({ portal: _portal }, use) => {
    const all = JSON.parse(process.env.SEED_ACCOUNTS);
    await use({
      all,
      /** The demo's first account with this role. */
      with(role) {
        const account = all.find((candidate) => (roles[role] ?? new RegExp(`^${role}$`, "i")).test(candidate.role));
        if (!account) throw new Error(`The demo has no ${role}; it has ${all.map((a) => a.role).join(", ")}.`);
        return account;
      },
    });
  },

  mailTo: async ({ mail }, use) => {
    await use((address, options) => mail.mailTo(address, options));
  },

  /** `person()` opens a browser of one more person; it has the project's settings, as every context here. */
  person: async ({ browser, hands }, use) => {
    const contexts = [];
    await use(async () => {
      const context = await browser.newContext();
      contexts.push(context);
      const page = await context.newPage();
      return { page, hands: handsFor(hands, page), complaints: watch(page) };
    });
    for (const context of contexts) await context.close();
  },

  /** The test's own person. */
  me: async ({ person }, use) => {
    const me = await person();
    await use(me);
    expect(me.complaints, "errors in the browser's console").toEqual([]);
  },

  signIn: async ({ portal }, use) => {
    await use((who, account) => steps.signIn(who, portal.url, account));
  },
});

/** Script errors and refusals by the content security policy are failures even where the page looks right. */
function watch(page) {
  const complaints = [];
  page.on("pageerror", (error) => {
    // A cross-fade that the browser gives up on a quick navigation is its own affair.
    if (!/Transition was (aborted|skipped)/.test(error.message)) complaints.push(String(error));
  });
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  // `hx-confirm` and the browser's own questions are answered with yes, as Enter would.
  page.on("dialog", (dialog) => dialog.accept());
  return complaints;
}

export { axe, expect, fitsInto, shots, steps };
