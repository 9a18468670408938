// Many people at once: a selection over three pages into a group (R-BLK-01 to 03, B-06), with the way back; saved views and exports.
import { readFile } from "node:fs/promises";
import { expect, steps, test } from "../lib/test.mjs";
import { Portal } from "../lib/portal.mjs";

const hasScripts = (info) => info.project.use.javaScriptEnabled !== false;

/** One organization of 160, so that there are pages to turn. */
const crowded = test.extend({
  portal: async ({ mail: _mail }, use, info) => {
    const portal = await Portal.start({
      args: ["demo", "--json", "--data", "DATA", "--members", "160", "--organizations", "1"],
    });
    try {
      portal.people = (await portal.announcement()).accounts;
      await use(portal);
    } finally {
      if (info.status !== info.expectedStatus) await info.attach("muster.log", { body: portal.log });
      await portal.stop();
    }
  },
});

const bar = ({ page }) => page.getByRole("group", { name: "Selected members" });
const boxes = ({ page }) => page.getByRole("checkbox", { name: /^Select (?!every)/ });

async function start(me, portal, account) {
  await steps.signIn(me, portal.url, account);
  await steps.manageOrganization(me, account);
}

/** Ticks the first people of the page. */
async function tick(me, count) {
  const names = await boxes(me).evaluateAll((all, n) => all.slice(0, n).map((box) => box.getAttribute("aria-label")), count);
  expect(names).toHaveLength(count);
  for (const name of names) await me.hands.check(me.page.getByRole("checkbox", { name, exact: true }).first());
}

async function nextPage(me, info) {
  const before = await boxes(me).first().getAttribute("value");
  if (hasScripts(info)) await me.hands.activate(me.page.getByRole("link", { name: "Next" }));
  else await me.hands.activate(bar(me).getByRole("button", { name: "Keep, next page" }));
  await expect(boxes(me).first()).not.toHaveAttribute("value", before);
}

crowded("select 40 people over three pages, add them to a group, and take it back", async ({ me, portal }, info) => {
  const admin = portal.people.find((account) => account.role === "Org Admin");
  await start(me, portal, admin);
  await tick(me, 13);
  await nextPage(me, info);
  await expect(bar(me)).toContainText("+ 13 on other pages");
  await tick(me, 13);
  await nextPage(me, info);
  await tick(me, 14);
  await expect(bar(me)).toContainText("+ 26 on other pages");

  await me.hands.activate(bar(me).getByRole("button", { name: "Add to Group" }));
  const dialog = me.page.getByRole("dialog", { name: "Add to Group" });
  await expect(dialog).toContainText("40 members");
  await me.hands.check(dialog.getByRole("checkbox", { name: "Home Robot" }));
  await me.hands.activate(dialog.getByRole("button", { name: "Add to Group" }));
  const told = me.page.getByText(/40 members (were added to Home Robot|changed)|of 40 members changed/).first();
  await expect(told).toBeVisible();
  await expect(bar(me).locator("visible=true")).toHaveCount(0);
  await me.hands.activate(me.page.getByRole("button", { name: "Undo", exact: true }));
  await expect(me.page.getByRole("heading", { level: 1, name: /^Undo: Add to Home Robot/ })).toBeVisible();
  await expect(me.page.getByRole("status").first()).toContainText(/were removed|changed/);
});

test("a limit for some, looked at first, and taken back", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await tick(me, 2);
  await me.hands.activate(bar(me).getByRole("button", { name: "Set limit" }));
  const dialog = me.page.getByRole("dialog", { name: "Set limit" });
  await expect(dialog).toContainText("2 members can be given a limit");
  await me.hands.fill(dialog.getByLabel("Monthly limit, amount"), "1.000");
  await me.hands.activate(dialog.getByRole("button", { name: "Preview" }));
  const amount = dialog.getByLabel("Monthly limit, amount");
  await expect(amount).toHaveAttribute("aria-invalid", "true");
  await expect(amount).toHaveValue("1.000");
  await me.hands.fill(amount, "1,000");
  await me.hands.activate(dialog.getByRole("button", { name: "Preview" }));
  await expect(dialog).toContainText("2 members will change");
  await expect(amount).toHaveValue("1,000");
  await me.hands.activate(dialog.getByRole("button", { name: "Set limit" }));
  await expect(me.page.getByText("2 members were changed: 1,000 credits a month").first()).toBeVisible();
  await me.hands.activate(me.page.getByRole("button", { name: "Undo", exact: true }));
  await expect(me.page.getByRole("heading", { level: 1, name: "Undo: Set limit to 1,000 credits a month" })).toBeVisible();
  await expect(me.page.getByRole("status").first()).toContainText("2 members were changed: what it was");
});

test("everyone who fits a filter, with the reasons of those who cannot", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await tick(me, 1);
  await me.hands.activate(bar(me).getByRole("button", { name: /^Select all/ }));
  await expect(bar(me)).toContainText(/All \d+ selected/);
  await me.hands.activate(bar(me).getByRole("button", { name: "Change role" }));
  const dialog = me.page.getByRole("dialog", { name: "Change role" });
  await me.hands.activate(dialog.getByText("Who will not become Org Admin, and why"));
  await expect(dialog).toContainText("Disabled, which cannot be undone here");
  await pick(me, dialog.getByRole("radio", { name: "Org Admin" }));
  await me.hands.activate(dialog.getByRole("button", { name: "Change role" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "Change role to Org Admin" })).toBeVisible();
  await expect(me.page.getByRole("table", { name: "What became of each" })).toContainText("Has this role already");
  const [file] = await Promise.all([
    me.page.waitForEvent("download"),
    me.hands.activate(me.page.getByRole("link", { name: "Not changed as CSV" })),
  ]);
  expect(await readFile(await file.path(), "utf8")).toContain("Disabled, which cannot be undone here");
});

/** A radio button by pointer or by arrow keys. */
async function pick(me, radio) {
  const group = radio.page().getByRole("dialog").getByRole("radio");
  if (me.hands.reach) {
    await me.hands.reach(group.first());
    for (let presses = 0; presses < 8 && !(await radio.isChecked()); presses++) await me.page.keyboard.press("ArrowDown");
  } else await radio.check();
  await expect(radio).toBeChecked();
}

test("a view is saved, stands above the table, and what it shows is a file", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await me.page.goto(`${me.page.url().replace(/\?.*/, "")}?role=viewer`);
  await me.hands.activate(me.page.getByRole("link", { name: "Save view" }));
  await me.hands.fill(me.page.getByLabel("Name", { exact: true }), "Readers");
  await me.hands.activate(me.page.getByRole("button", { name: "Save view" }));
  const views = me.page.getByRole("navigation", { name: "Saved views" });
  await expect(views.getByRole("link", { name: "Readers" })).toHaveAttribute("aria-current", "true");
  await me.hands.activate(views.getByRole("link", { name: "Everyone" }));
  await expect(views.getByRole("link", { name: "Everyone" })).toHaveAttribute("aria-current", "true");
  await me.hands.activate(views.getByRole("link", { name: "Readers" }));
  await expect(me.page).toHaveURL(/role=viewer/);
  const shown = await steps.members(me).locator("tbody tr").count();
  const [file] = await Promise.all([
    me.page.waitForEvent("download"),
    me.hands.activate(me.page.getByRole("link", { name: "CSV", exact: true })),
  ]);
  expect(file.suggestedFilename()).toMatch(/^members-.*\.csv$/);
  const lines = (await readFile(await file.path(), "utf8")).trim().split("\r\n");
  expect(lines).toHaveLength(shown + 1);
});
