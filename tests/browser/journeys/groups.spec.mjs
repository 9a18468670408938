// Groups and teams: a group is made and filled, somebody leads it and cares for it, a time in it ends.
import { expect, steps, test } from "../lib/test.mjs";

const people = ({ page }) => page.getByRole("table", { name: /^Members of/ });
const person = (who, name) =>
  people(who)
    .getByRole("row")
    .filter({ has: who.page.getByRole("link", { name: new RegExp(`^${name}( \\(you\\))?$`) }) });

/** Opens the menu of a person in the group and takes an entry. */
async function act(who, name, label) {
  await who.hands.activate(steps.actionsOf(who, name));
  const row = person(who, name);
  await who.hands.activate(
    row.getByRole("link", { name: label, exact: true }).or(row.getByRole("button", { name: label, exact: true })),
  );
}

const says = (who, text) => expect(who.page.getByRole("status").filter({ hasText: text }).first()).toBeVisible();

test.beforeEach(() => test.setTimeout(150_000));

test("R-GRP-04, B-18, B-14: create a group, add people, name a lead, lead it, end a time in it", async ({
  me,
  person: another,
  accounts,
  mailTo,
  signIn,
}) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  const ada = await steps.addMember({ admin: me, person: another, mailTo, name: "Ada Zuse", role: "Member" });

  await test.step("create", async () => {
    await steps.openTab(me, "Groups");
    await me.hands.activate(me.page.getByRole("link", { name: "Create Group" }));
    const dialog = me.page.getByRole("dialog", { name: "Create Group" });
    await me.hands.fill(dialog.getByLabel("Name", { exact: true }), "engineering");
    await me.hands.activate(dialog.getByRole("button", { name: "Create group" }));
    await expect(dialog.getByText("There is a group named Engineering already.")).toBeVisible();
    await me.hands.fill(dialog.getByLabel("Name", { exact: true }), "Night Watch");
    await me.hands.choose(dialog.getByLabel("Kind"), "Team");
    await me.hands.activate(dialog.getByRole("button", { name: "Create group" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "Night Watch" })).toBeVisible();
  });
  const group = me.page.url().replace(/[?#].*/, "");

  await test.step("add people", async () => {
    await me.hands.activate(me.page.getByRole("main").getByRole("link", { name: "Add members" }).first());
    await me.hands.fill(me.page.getByRole("searchbox", { name: "Search people" }), "ada zuse");
    await me.page.keyboard.press("Enter");
    await expect(me.page.getByRole("checkbox")).toHaveCount(1);
    await me.hands.check(me.page.getByRole("checkbox", { name: /^Ada Zuse/ }));
    await me.hands.activate(me.page.getByRole("button", { name: "Add to group" }));
    await says(me, "1 person was added to Night Watch.");
    await expect(person(me, "Ada Zuse")).toBeVisible();
  });

  await test.step("name a lead", async () => {
    await act(me, "Ada Zuse", "Make lead");
    await says(me, "Ada Zuse leads Night Watch now.");
    await expect(person(me, "Ada Zuse")).toContainText("Lead");
  });

  await test.step("the lead cares for the group", async () => {
    await ada.page.goto(group);
    await ada.hands.activate(ada.page.getByRole("main").getByRole("link", { name: "Add members" }).first());
    await ada.hands.check(ada.page.getByRole("checkbox", { name: /^Camille Laurent/ }));
    await ada.hands.activate(ada.page.getByRole("button", { name: "Add to group" }));
    await expect(person(ada, "Camille Laurent")).toBeVisible();

    await act(ada, "Camille Laurent", "Set end date");
    const dialog = ada.page.getByRole("dialog", { name: "Set end date" });
    await dialog.getByLabel("Last day in the group").fill("2199-12-31");
    await ada.hands.activate(dialog.getByRole("button", { name: "Save end date" }));
    await says(ada, "until 31 Dec 2199");
    await act(ada, "Camille Laurent", "Extend by 30 days");
    await says(ada, "until 30 Jan 2200");
    await expect(person(ada, "Camille Laurent")).toContainText("30 Jan 2200");

    await act(ada, "Camille Laurent", "Remove from group");
    await says(ada, "Camille Laurent was removed from Night Watch.");
    await expect(person(ada, "Camille Laurent")).toHaveCount(0);
    await ada.hands.activate(ada.page.getByRole("button", { name: "Undo" }));
    await says(ada, "Camille Laurent is in Night Watch again.");
    await expect(person(ada, "Camille Laurent")).toContainText("30 Jan 2200");
  });

  await test.step("the lead arranges the page", async () => {
    await ada.hands.activate(ada.page.getByRole("link", { name: "Arrange page" }));
    await ada.hands.activate(ada.page.getByRole("button", { name: "Move Leads up" }));
    await expect(ada.page.getByRole("button", { name: "Move Leads up" })).toBeDisabled();
    const box = ada.page.getByRole("checkbox", { name: /^About/ });
    if (await box.isChecked()) {
      await (ada.hands.reach ? ada.hands.reach(box) : box.focus());
      await ada.page.keyboard.press("Space");
    }
    await ada.hands.activate(ada.page.getByRole("button", { name: "Save page" }));
    await says(ada, "The page of Night Watch is arranged.");
    const cards = ada.page.getByRole("main").getByRole("heading", { level: 2 });
    await expect(cards.first()).toHaveText("Leads");
    await expect(cards.filter({ hasText: "About" })).toHaveCount(0);
  });

  await test.step("and leads nothing else", async () => {
    await steps.openTab(ada, "Groups");
    await expect(ada.page.getByRole("table", { name: /^Groups/ }).getByRole("rowheader")).toHaveCount(1);
    await expect(ada.page.getByRole("link", { name: "Create Group" })).toHaveCount(0);
  });

  await test.step("delete: what ends, what stays, and the name to confirm", async () => {
    await me.page.goto(`${group}/edit`);
    await me.hands.activate(me.page.getByRole("link", { name: "Delete group" }));
    const dialog = me.page.getByRole("dialog", { name: "Delete group" });
    await expect(dialog).toContainText("Stays");
    await me.hands.fill(dialog.getByRole("textbox"), "Night");
    await me.hands.activate(dialog.getByRole("button", { name: "Delete group" }));
    await expect(dialog.getByText("Type Night Watch to confirm.")).toBeVisible();
    await me.hands.fill(dialog.getByRole("textbox"), "Night Watch");
    await me.hands.activate(dialog.getByRole("button", { name: "Delete group" }));
    await says(me, "Night Watch was deleted.");
    await expect(me.page.getByRole("link", { name: "Night Watch" })).toHaveCount(0);
  });
});

test("R-GRP-01, R-GRP-02: a person's page shows the groups, adds and removes", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "Members");
  await steps.act(me, "Camille Laurent", "View");
  const groups = me.page.getByRole("region", { name: "Groups", exact: true });
  await expect(groups.getByRole("link", { name: "Customer Success" })).toBeVisible();
  await me.hands.choose(groups.getByLabel("Add to a group"), "Perception");
  await me.hands.activate(groups.getByRole("button", { name: "Add to group" }));
  await says(me, "Camille Laurent is in Perception now.");
  await me.hands.activate(groups.getByRole("button", { name: "Remove from Customer Success" }));
  await says(me, "Camille Laurent was removed from Customer Success.");
  await expect(groups.getByRole("link", { name: "Perception" })).toBeVisible();
  await expect(groups.getByRole("link", { name: "Customer Success" })).toHaveCount(0);
});
