// API keys: a group's with a feature, a developer's own, a service account's; shown once, rotated, suspended, revoked.
import { expect, steps, test } from "../lib/test.mjs";

const says = (who, text) => expect(who.page.getByRole("status").filter({ hasText: text }).first()).toBeVisible();
const copied = async (who) => {
  const field = who.page.getByLabel(/^key /);
  await expect(field).toHaveValue(/^mst_[pgs]_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}$/);
  return field.inputValue();
};

async function start({ me, accounts, signIn }, role = "Org Admin") {
  const account = accounts.with(role);
  await signIn(me, account);
  await steps.manageOrganization(me, account);
  return me.page.url().replace(/\/members.*/, "");
}

test("R-KEY-01, R-KEY-03: a group key with a feature is made, copied, rotated, suspended and revoked", async ({ me, accounts, signIn }) => {
  await start({ me, accounts, signIn });
  await steps.openTab(me, "API Keys");
  await expect(me.page.getByRole("row").filter({ hasText: "crm-sync" })).toContainText("Unused");

  await test.step("a feature first", async () => {
    await me.hands.activate(me.page.getByRole("main").getByRole("link", { name: "Features" }));
    await me.hands.fill(me.page.getByLabel("Title"), "Night runs");
    await me.hands.fill(me.page.getByLabel(/^Key /).or(me.page.getByLabel("Key", { exact: true })), "night");
    await me.hands.activate(me.page.getByRole("button", { name: "Add feature" }));
    await says(me, "Night runs was added to the catalogue.");
  });

  let first;
  await test.step("the key, with a mistake first", async () => {
    await steps.openTab(me, "API Keys");
    await me.hands.activate(me.page.getByRole("link", { name: "Create API key" }));
    await me.hands.fill(me.page.getByLabel("Name", { exact: true }), "night-runner");
    await me.hands.choose(me.page.getByLabel("Belongs to"), "Perception");
    await me.hands.check(me.page.getByRole("checkbox", { name: /^Call the API/ }));
    await me.hands.choose(me.page.getByLabel(/^Night runs/), "On");
    await me.hands.fill(me.page.getByLabel(/^Monthly limit/), "lots");
    await me.hands.activate(me.page.getByRole("button", { name: "Create API key" }));
    await expect(me.page.getByLabel(/^Monthly limit/)).toHaveAttribute("aria-invalid", "true");
    await expect(me.page.getByLabel("Name", { exact: true })).toHaveValue("night-runner");
    await me.hands.fill(me.page.getByLabel(/^Monthly limit/), "50");
    await me.hands.activate(me.page.getByRole("button", { name: "Create API key" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "night-runner was created" })).toBeVisible();
    first = await copied(me);
    await me.hands.activate(me.page.getByRole("link", { name: "I have copied it" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "night-runner" })).toBeVisible();
    await expect(me.page.getByRole("main")).toContainText("Night runs");
    await expect(me.page.getByRole("main")).toContainText("50 credits a month");
    expect(await me.page.content()).not.toContain(first);
  });
  const key = me.page.url();

  await test.step("rotate, with an hour of overlap", async () => {
    await me.hands.choose(me.page.getByLabel("The old secret"), "Keep the old secret for 1 hour");
    await me.hands.activate(me.page.getByRole("button", { name: "Rotate key" }));
    await expect(me.page.getByRole("main")).toContainText("The old secret works until");
    expect(await copied(me)).not.toBe(first);
    await me.hands.activate(me.page.getByRole("link", { name: "I have copied it" }));
    await expect(me.page.getByRole("main")).toContainText("Two secrets");
  });

  await test.step("suspend and take it back", async () => {
    await me.hands.activate(me.page.getByRole("button", { name: "Suspend" }));
    await says(me, "night-runner was suspended.");
    await expect(me.page.getByRole("main")).toContainText("It authorizes nothing until somebody activates it.");
    await me.hands.activate(me.page.getByRole("button", { name: "Activate" }));
    await says(me, "night-runner was activated.");
  });

  await test.step("revoke", async () => {
    await me.page.goto(key);
    await me.hands.activate(me.page.getByRole("link", { name: "Revoke" }));
    const dialog = me.page.getByRole("dialog", { name: "Revoke key" });
    await expect(dialog).toContainText("never works again");
    await me.hands.activate(dialog.getByRole("button", { name: "Revoke key" }));
    await says(me, "night-runner was revoked.");
    await expect(me.page.getByRole("row").filter({ hasText: "night-runner" })).toHaveCount(0);
  });
});

test("R-KEY-06: a developer makes a key of their own, and an administrator never sees it", async ({ me, person, accounts, mailTo, signIn }) => {
  const base = await start({ me, accounts, signIn });
  const ada = await steps.addMember({ admin: me, person, mailTo, name: "Ada Zuse", role: "Developer" });
  await steps.fromUserMenu(ada, "Ada Zuse", "Your API keys");
  await expect(ada.page.getByRole("heading", { level: 1, name: "Your API keys" })).toBeVisible();
  await ada.hands.activate(ada.page.getByRole("link", { name: /^Create API key/ }));
  await ada.hands.fill(ada.page.getByLabel("Name", { exact: true }), "laptop");
  await ada.hands.activate(ada.page.getByRole("button", { name: "Create API key" }));
  const secret = await copied(ada);
  expect(secret).toMatch(/^mst_p_/);
  await ada.page.goto(`${new URL(base).origin}/me/keys`);
  await expect(ada.page.getByRole("link", { name: "laptop" })).toBeVisible();

  await me.page.goto(`${base}/members?q=Ada`);
  await expect(steps.member(me, "Ada Zuse")).toContainText("Active");
  await steps.act(me, "Ada Zuse", "View");
  const card = me.page.getByRole("region", { name: "API keys" });
  await me.hands.activate(card.getByRole("link", { name: "laptop" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "laptop" })).toBeVisible();
  await expect(me.page.getByRole("button", { name: "Rotate key" })).toHaveCount(0);
  expect(await me.page.content()).not.toContain(secret);
});

test("R-KEY-04: keys for several groups, and many suspended at once", async ({ me, accounts, signIn }) => {
  await start({ me, accounts, signIn });
  await steps.openTab(me, "API Keys");
  await me.hands.activate(me.page.getByRole("link", { name: "Keys for groups" }));
  await me.hands.fill(me.page.getByLabel("Name", { exact: true }), "{group} nightly");
  for (const name of ["Perception", "Research"]) await me.hands.check(me.page.getByRole("checkbox", { name, exact: true }));
  await me.hands.activate(me.page.getByRole("button", { name: "Continue" }));
  await expect(me.page.getByRole("main")).toContainText("2 keys will be created: Perception nightly, Research nightly.");
  await me.hands.activate(me.page.getByRole("button", { name: "Create keys" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "2 keys were created" })).toBeVisible();
  await expect(me.page.getByLabel(/^key /)).toHaveCount(2);
  await me.hands.activate(me.page.getByRole("link", { name: "I have copied them" }));
  for (const name of ["Perception nightly", "Research nightly"]) {
    await me.hands.check(me.page.getByRole("checkbox", { name: `Select ${name}` }));
  }
  await me.hands.activate(me.page.getByRole("group", { name: "Selected keys" }).getByRole("button", { name: "Suspend" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "Suspend 2 keys" })).toBeVisible();
  await me.hands.activate(me.page.getByRole("button", { name: "Suspend 2 keys" }));
  await says(me, "2 keys were suspended.");
  await expect(me.page.getByRole("row").filter({ hasText: "Perception nightly" })).toContainText("Suspended");
});
