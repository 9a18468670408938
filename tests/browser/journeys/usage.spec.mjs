// "Monitor Usage": what was used, by whom and of what, how much is left, and asking for more.
import { expect, steps, test } from "../lib/test.mjs";

// A platform's account reports that somebody has used something, with a key that the administrator makes beside the open page.
async function report(me, portal, base, subject, name = "live meter") {
  const csrf = await me.page.locator('input[name="csrf"]').first().getAttribute("value");
  const send = (path, form) => me.page.request.post(portal.url + base + path, { form: { csrf, ...form }, headers: { origin: portal.url }, maxRedirects: 0 });
  const account = await send("/keys/services", { name });
  const owner = `service:${account.headers().location.split("/").pop()}`;
  const made = await send("/keys", { name, owner, expiry: "90", scope: "usage.write" });
  const [key] = /mst_s_\w+/.exec(await made.text());
  const event = { specversion: "1.0", type: "chat.turn", source: name, id: "1", subject, data: { credits: "3" } };
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/cloudevents+json" };
  const told = await fetch(`${portal.url}/api/v1/events`, { method: "POST", headers, body: JSON.stringify(event) });
  expect(told.status).toBe(204);
}

const figure = ({ page }, label) => page.locator(".stats > div").filter({ hasText: label });

test("an administrator sees what was used, by day, group and member, and finds one person's", async ({ me, portal, accounts, signIn, javaScriptEnabled }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);

  await test.step("The members table shows spend against limit in each row", async () => {
    const row = steps.member(me, "Wei-Lin Chen");
    await expect(row).toContainText(/[\d.]+ used, \d+%/);
    await expect(row.getByRole("meter")).toBeVisible();
  });

  await test.step("What is used meanwhile appears in the row, and what was ticked and opened stays", async () => {
    if (!javaScriptEnabled) return; // without it, one loads the page again
    const row = steps.member(me, "Wei-Lin Chen");
    const spend = row.locator(".c-limit");
    const before = await spend.textContent();
    await row.getByRole("checkbox").check();
    const other = steps.member(me, "Camille Laurent");
    await me.hands.activate(other.getByRole("button", { name: "Actions for Camille Laurent" }));
    const menu = other.locator(".menu");
    await expect(menu).toBeVisible();
    const slug = new URL(me.page.url()).pathname.split("/")[2];
    await report(me, portal, `/o/${slug}`, accounts.with("Developer").email, "row meter");
    await expect(spend).not.toHaveText(before, { timeout: 20_000 });
    await expect(row.getByRole("checkbox")).toBeChecked();
    await expect(menu).toBeVisible();
    await me.page.keyboard.press("Escape");
    await row.getByRole("checkbox").uncheck();
  });

  await test.step("The Usage tab", async () => {
    await steps.openTab(me, "Usage");
    await expect(figure(me, "Used this month").or(figure(me, "Last month")).first()).toContainText(/[\d,.]+ credits/);
    await expect(me.page.getByRole("img", { name: /^Usage by day/ })).toBeVisible();
    await me.hands.activate(me.page.getByText("Show as table"));
    await expect(me.page.getByRole("table", { name: "Usage by day" }).getByRole("row").nth(1)).toBeVisible();
    for (const name of ["By group", "Members who use most", "By activity type", "By API key", "By app", "By flow"]) {
      await expect(me.page.getByRole("heading", { level: 2, name })).toBeVisible();
    }
    await expect(me.page.getByRole("table", { name: "By activity type" })).toContainText("api.request");
  });

  await test.step("What is used meanwhile appears by itself, and what was opened stays open", async () => {
    if (!javaScriptEnabled) return; // without it, one loads the page again
    const slug = new URL(me.page.url()).pathname.split("/")[2];
    const before = await figure(me, "In all").locator(".figure").textContent();
    const events = await me.page.getByRole("table", { name: "By activity type" }).textContent();
    await report(me, portal, `/o/${slug}`, accounts.with("Developer").email);
    await me.page.mouse.move(10, 10); // somebody is here
    await expect(figure(me, "In all").locator(".figure")).not.toHaveText(before, { timeout: 20_000 });
    await expect(me.page.getByRole("table", { name: "By activity type" })).not.toHaveText(events);
    await expect(figure(me, "Used this month")).toHaveCount(1);
    await expect(me.page.getByRole("table", { name: "Usage by day" })).toBeVisible();
    await expect(me.page.getByRole("img", { name: /^Usage by day/ })).toHaveCount(1);
  });

  await test.step("Ninety days", async () => {
    await me.hands.activate(me.page.getByRole("navigation", { name: "Period" }).getByRole("link", { name: "90 days" }));
    await expect(me.page).toHaveURL(/p=90/);
    await expect(figure(me, "Used in 90 days")).toContainText(/credits/);
  });

  await test.step("One member, with the limits as they stand", async () => {
    await me.hands.activate(me.page.getByRole("table", { name: "Members who use most" }).getByRole("link", { name: "Wei-Lin Chen" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "Usage of Wei-Lin Chen" })).toBeVisible();
    await expect(figure(me, "Monthly limit").first()).toContainText("left");
    await expect(figure(me, "Average month")).toContainText(/credits/);
  });
});

test("a developer sees what is left and asks for more", async ({ me, accounts, signIn }) => {
  const developer = accounts.with("Developer");
  await signIn(me, developer);
  await me.hands.activate(me.page.getByRole("navigation", { name: "Manage Organization" }).getByRole("link", { name: "Usage" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "My usage" })).toBeVisible();
  const limits = me.page.getByRole("region", { name: "Limits" });
  await expect(limits).toContainText("left");
  await expect(limits).toContainText("Begins anew");
  await me.hands.activate(limits.getByRole("link", { name: "Request more" }));
  await expect(me.page.getByRole("heading", { level: 1 }).or(me.page.getByRole("dialog")).first()).toBeVisible();
});
