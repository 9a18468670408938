// Over the limit: the platform answers 429 with a page, the person asks for more, an administrator approves, the next call passes.
import { axe } from "../lib/axe.mjs";
import { shots } from "../lib/shots.mjs";
import { platform } from "../lib/platform.mjs";
import { expect, steps, test } from "../lib/test.mjs";

test("an over-limit person meets the 429 page, asks for more, is approved and gets through", async ({ me, portal, accounts, signIn, person, javaScriptEnabled }) => {
  const [developer, admin] = [accounts.with("Developer"), accounts.with("Org Admin")];
  await signIn(me, developer);
  await steps.manageOrganization(me, developer);
  const slug = new URL(me.page.url()).pathname.split("/")[2];
  const chat = await platform(portal.url, `permission=api.call&org=${slug}`);
  const boss = await person();
  await signIn(boss, admin);
  await steps.manageOrganization(boss, admin);
  try {
    await test.step("While something is left, calls pass", async () => {
      const answer = await me.page.goto(`${chat.url}/chat`);
      expect(answer.status()).toBe(200);
      await expect(me.page.getByRole("heading", { level: 1 })).toHaveText(`Hello ${developer.email}`);
    });

    await test.step("The administrator sets a limit below what was used", async () => {
      await steps.search(boss, developer.name);
      await steps.act(boss, developer.name, "Set Usage Limit");
      const dialog = boss.page.getByRole("dialog", { name: "Set Usage Limit" });
      await boss.hands.fill(dialog.getByLabel("Monthly limit, amount"), "1");
      await boss.hands.choose(dialog.getByRole("combobox", { name: "Daily limit" }), "Unlimited");
      await boss.hands.activate(dialog.getByRole("button", { name: "Save limit" }));
      await expect(dialog).toHaveCount(0);
    });

    await test.step("The next call is refused with 429, in words", async () => {
      const answer = await me.page.goto(`${chat.url}/chat`);
      expect(answer.status()).toBe(429);
      expect(Number(answer.headers()["retry-after"])).toBeGreaterThan(0);
      await expect(me.page.getByRole("heading", { level: 1 })).toHaveText("You reached your monthly limit");
      await expect(me.page.getByRole("main")).toContainText("Contact your organization administrator");
      await expect(me.page.getByRole("listitem").filter({ hasText: admin.email })).toBeVisible();
      await expect(me.page.locator("main")).toHaveCSS("display", "grid"); // the style came with it
      if (javaScriptEnabled) await axe(me.page); // what looks is a script
      await shots(me.page, "gate-429");
    });

    await test.step("Request more", async () => {
      await me.hands.activate(me.page.getByRole("link", { name: "Request more" }));
      await expect(me.page.getByRole("heading", { level: 1, name: "Request more" })).toBeVisible();
      await me.hands.fill(me.page.getByLabel("New amount"), "2000");
      await me.hands.fill(me.page.getByLabel("Reason"), "A large order");
      await me.hands.activate(me.page.getByRole("button", { name: "Send request" }));
      await expect(me.page.getByRole("status").filter({ hasText: /request/i }).first()).toBeVisible();
    });

    await test.step("An administrator approves", async () => {
      await boss.page.goto(`${portal.url}/o/${slug}/limits`);
      await boss.hands.activate(boss.page.getByRole("link", { name: `Answer ${developer.name}` }));
      await boss.hands.activate(boss.page.getByRole("button", { name: /^Approve/ }));
      await expect(boss.page.getByRole("status").filter({ hasText: "was approved" })).toBeVisible();
    });

    await test.step("The next call passes", async () => {
      const answer = await me.page.goto(`${chat.url}/chat`);
      expect(answer.status()).toBe(200);
    });
  } finally {
    await chat.close();
  }
});
