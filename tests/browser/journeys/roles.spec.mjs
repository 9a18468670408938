// Roles: a custom role made, given with Manage Roles, felt at once in a second session, taken away; and why something was denied.
import { expect, steps, test } from "../lib/test.mjs";

test.beforeEach(() => test.setTimeout(120_000));

const main = ({ page }) => page.getByRole("main");
const manageRoles = ({ page }) => page.getByRole("dialog", { name: "Manage Roles" });

/** Saves the dialog with this custom role given or taken. */
async function give(me, name, role, wanted) {
  await steps.act(me, name, "Manage Roles");
  const dialog = manageRoles(me);
  await expect(dialog).toContainText("Current roles");
  const box = dialog.getByRole("checkbox", { name: role });
  if (wanted) await me.hands.check(box);
  else {
    await expect(box).toBeChecked();
    if (me.hands.reach) {
      await me.hands.reach(box);
      await me.page.keyboard.press("Space");
    } else await box.uncheck();
  }
  await me.hands.activate(dialog.getByRole("button", { name: "Save roles" }));
  await expect(dialog).toHaveCount(0);
  await expect(me.page.getByRole("status").filter({ hasText: name }).first()).toBeVisible();
}

test("a custom role is made, given, felt at once in a second session, and taken away", async ({
  me,
  person,
  accounts,
  signIn,
}) => {
  const [admin, developer] = [accounts.with("Org Admin"), accounts.with("Developer")];
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  const dev = await person();
  await signIn(dev, developer);
  await steps.manageOrganization(dev, developer);
  const audit = dev.page.url().replace(/\/members.*/, "/audit");
  await dev.page.goto(audit);
  await expect(main(dev)).toContainText("You may not do that");

  await test.step("make it", async () => {
    await steps.openTab(me, "Roles");
    await me.hands.activate(main(me).getByRole("link", { name: "New role" }).first());
    await me.hands.fill(me.page.getByLabel("Name", { exact: true }), "Incident review");
    await me.hands.activate(me.page.getByRole("button", { name: "Make role" }));
    await expect(main(me)).toContainText("Choose at least one permission.");
    await expect(me.page.getByLabel("Name", { exact: true })).toHaveValue("Incident review");
    await me.hands.check(me.page.getByRole("checkbox", { name: /^Read the audit log/ }));
    await me.hands.activate(me.page.getByRole("button", { name: "Make role" }));
    await expect(me.page.getByRole("heading", { level: 1, name: /^Incident review/ })).toBeVisible();
    await expect(main(me)).toContainText("Held by 0 members");
  });

  await test.step("give it, and it is felt on the next request", async () => {
    await steps.openTab(me, "Members");
    await steps.search(me, developer.name);
    await give(me, developer.name, "Incident review", true);
    if (/\/members\/mem_/.test(me.page.url())) await expect(main(me)).toContainText("Incident review");
    else await expect(steps.member(me, developer.name)).toContainText(developer.name);
    await dev.page.goto(audit);
    await expect(dev.page.getByRole("heading", { level: 1, name: "Audit log" })).toBeVisible();
  });

  await test.step("the role counts its holder", async () => {
    await steps.openTab(me, "Roles");
    await me.hands.activate(main(me).getByRole("link", { name: "Incident review", exact: true }));
    await expect(main(me)).toContainText("Held by 1 member");
    await expect(main(me).getByRole("link", { name: developer.name })).toBeVisible();
  });

  await test.step("take it, and it is gone on the next request", async () => {
    await steps.openTab(me, "Members");
    await steps.search(me, developer.name);
    await give(me, developer.name, "Incident review", false);
    await dev.page.goto(audit);
    await expect(main(dev)).toContainText("You may not do that");
  });

  await test.step("delete it", async () => {
    await steps.openTab(me, "Roles");
    await me.hands.activate(main(me).getByRole("link", { name: "Incident review", exact: true }));
    await me.hands.activate(main(me).getByRole("link", { name: "Delete" }));
    const dialog = me.page.getByRole("dialog", { name: "Delete role" });
    await expect(dialog).toContainText("Nobody holds it.");
    await me.hands.activate(dialog.getByRole("button", { name: "Delete role" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "Roles" })).toBeVisible();
    await expect(main(me).getByRole("link", { name: "Incident review", exact: true })).toHaveCount(0);
  });
});

test("Why was this denied? names the step and what would help", async ({ me, accounts, signIn }) => {
  const [admin, developer] = [accounts.with("Org Admin"), accounts.with("Developer")];
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "Roles");
  await me.hands.activate(main(me).getByRole("link", { name: "Why was this denied?" }));
  const ask = async (who, permission) => {
    await me.hands.fill(me.page.getByLabel("Person"), who);
    await me.hands.choose(me.page.getByLabel("Permission"), permission);
    await me.hands.activate(me.page.getByRole("button", { name: "Explain" }));
  };
  await ask(developer.email, "Read the audit log");
  await expect(me.page.getByRole("heading", { level: 2, name: "Denied" })).toBeVisible();
  await expect(main(me)).toContainText(`${developer.name} may not read the audit log.`);
  await expect(main(me)).toContainText("with Manage Roles");
  await ask(admin.email, "Read the audit log");
  await expect(me.page.getByRole("heading", { level: 2, name: "Allowed" })).toBeVisible();
  await expect(main(me)).toContainText("Granted by the built-in role Org Admin");
  await ask("nobody@nowhere.example", "Read the audit log");
  await expect(main(me)).toContainText("Nobody in");
});

test("an Enterprise Administrator grants a role over the enterprise and revokes it", async ({ me, accounts, signIn }) => {
  const developer = accounts.with("Developer");
  const boss = accounts.with("Enterprise Administrator");
  await signIn(me, boss);
  await steps.fromUserMenu(me, boss.name, "Enterprise Portal");
  const sidebar = me.page.getByRole("navigation", { name: "Enterprise Portal" });
  const menu = me.page.getByRole("button", { name: "Menu" });
  await expect(sidebar.or(menu).first()).toBeVisible(); // the page before is gone
  if (!(await sidebar.isVisible())) await me.hands.activate(menu);
  await me.hands.activate(sidebar.getByRole("link", { name: "Roles" }));
  await me.hands.fill(me.page.getByLabel("Email", { exact: true }), developer.email);
  await me.hands.choose(me.page.getByLabel("Role", { exact: true }), "Enterprise Auditor");
  await me.hands.activate(me.page.getByRole("button", { name: "Grant role" }));
  const auditors = main(me).getByRole("region", { name: "Enterprise Auditor" });
  await expect(auditors).toContainText(developer.name);
  await me.hands.activate(auditors.getByRole("button", { name: `Revoke ${developer.name}` }));
  await me.hands.activate(auditors.getByRole("button", { name: "Revoke Enterprise Auditor" }).locator("visible=true"));
  await expect(auditors).not.toContainText(developer.name);
});
