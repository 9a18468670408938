// The members table: find, look, and every action of its rows, each seen from both sides.
import { expect, steps, test } from "../lib/test.mjs";

/** An administrator on the members page, and `add(name, role)` for people of known names. */
async function start({ me, person, accounts, mailTo, signIn }) {
  const account = accounts.with("Org Admin");
  await signIn(me, account);
  await steps.manageOrganization(me, account);
  await steps.openTab(me, "Members");
  return { account, add: (name, role) => steps.addMember({ admin: me, person, mailTo, name, role }) };
}


test("search, filter and sort are addresses that can be kept", async ({ me, person, accounts, mailTo, signIn }) => {
  const { add, account } = await start({ me, person, accounts, mailTo, signIn });
  await add("Ada Zuse", "Developer");
  await add("Zoe Abel", "Viewer");

  await test.step("search", async () => {
    await steps.search(me, "Zuse");
    await expect(steps.member(me, "Ada Zuse")).toBeVisible();
    await expect(steps.member(me, "Zoe Abel")).toHaveCount(0);
    await me.page.reload();
    await expect(steps.member(me, "Ada Zuse")).toBeVisible();
    await expect(steps.member(me, "Zoe Abel")).toHaveCount(0);
    await steps.search(me, "nobody has this name");
    await expect(me.page.getByRole("main")).toContainText(/clear/i);
    await me.hands.activate(me.page.getByRole("main").getByRole("link", { name: /^Clear/ }).first());
    await expect(steps.member(me, "Zoe Abel")).toBeVisible();
  });

  await test.step("filter by role", async () => {
    await me.hands.activate(me.page.getByRole("button", { name: "Role", exact: true }));
    await me.hands.check(me.page.getByRole("checkbox", { name: "Viewer" }));
    await me.hands.activate(me.page.getByRole("button", { name: "Apply" }).locator("visible=true"));
    await expect(steps.member(me, "Zoe Abel")).toBeVisible();
    await expect(steps.member(me, "Ada Zuse")).toHaveCount(0);
    await me.hands.activate(me.page.getByRole("link", { name: /^Remove filter/ }));
    await expect(steps.member(me, "Ada Zuse")).toBeVisible();
  });

  await test.step("filter by status", async () => {
    const status = me.page.getByRole("navigation", { name: "Status" });
    await me.hands.activate(status.getByRole("link", { name: /^Disabled/ }));
    await expect(status.getByRole("link", { name: /^Disabled/ })).toHaveAttribute("aria-current", "true");
    await expect(steps.member(me, account.name)).toHaveCount(0);
    await me.hands.activate(status.getByRole("link", { name: /^All/ }));
    await expect(steps.member(me, account.name)).toBeVisible();
  });

  await test.step("sort by name, both ways", async () => {
    const head = me.page.getByRole("columnheader", { name: /^(Name|Member)/ });
    const names = () => steps.members(me).locator("tbody").getByRole("rowheader").getByRole("link").allInnerTexts();
    for (let round = 0; round < 2; round++) {
      const before = await head.getAttribute("aria-sort");
      await me.hands.activate(head.getByRole("link"));
      await expect(head).toHaveAttribute("aria-sort", before === "ascending" ? "descending" : "ascending");
      const sign = (await head.getAttribute("aria-sort")) === "ascending" ? 1 : -1;
      const shown = await names();
      expect(shown.length).toBeGreaterThan(2);
      expect(shown.indexOf("Zoe Abel") > shown.indexOf("Ada Zuse")).toBe(sign === 1);
    }
  });
});

test("View tells more about one person", async ({ me, person, accounts, mailTo, signIn }) => {
  const { add } = await start({ me, person, accounts, mailTo, signIn });
  const ada = await add("Ada Zuse", "Developer");
  await steps.act(me, "Ada Zuse", "View");
  await expect(me.page.getByRole("heading", { level: 1, name: "Ada Zuse" })).toBeVisible();
  await expect(me.page.getByRole("main")).toContainText(ada.account.email);
  await expect(me.page.getByRole("main")).toContainText("Developer");
});

test("Make Org Admin gives the rights on the next request", async ({ me, person, accounts, mailTo, signIn }) => {
  const { add } = await start({ me, person, accounts, mailTo, signIn });
  const ada = await add("Ada Zuse", "Developer");
  const invites = me.page.url().replace(/\/members.*/, "/invites");
  await ada.page.goto(invites);
  await expect(ada.page.getByRole("button", { name: "Invite User +" })).toHaveCount(0);
  await steps.act(me, "Ada Zuse", "Make Org Admin");
  await ada.page.goto(invites);
  await expect(ada.page.getByRole("button", { name: "Invite User +" })).toBeVisible();
  expect(await steps.entriesOf(me, "Ada Zuse")).not.toContain("Make Org Admin");
});

test("Deactivate shuts a person out, Activate lets the person in again", async ({
  me,
  person,
  portal,
  accounts,
  mailTo,
  signIn,
}) => {
  const { add } = await start({ me, person, accounts, mailTo, signIn });
  const ada = await add("Ada Zuse", "Developer");
  const members = me.page.url().replace(/\?.*/, "");
  const figure = me.page.locator("dl.stats div", { hasText: "Deactivated" }).locator(".figure");
  const before = Number(await figure.innerText());
  await steps.act(me, "Ada Zuse", "Deactivate");
  await expect(steps.member(me, "Ada Zuse")).toContainText("Deactivated");
  await expect(figure).toHaveText(String(before + 1));
  await ada.page.goto(members);
  await expect(steps.members(ada)).toHaveCount(0);
  await steps.act(me, "Ada Zuse", "Activate");
  await expect(steps.member(me, "Ada Zuse")).not.toContainText("Deactivated");
  const again = await person();
  await signIn(again, ada.account);
  await again.page.goto(members);
  await expect(again.page.getByRole("main")).toBeVisible();
  await expect(again.page).toHaveURL(new RegExp(`^${portal.url}/o/`));
});

test("Disable User ends access at once and can't be undone in the pages", async ({
  me,
  person,
  accounts,
  mailTo,
  signIn,
}) => {
  const { add } = await start({ me, person, accounts, mailTo, signIn });
  const ada = await add("Ada Zuse", "Developer");
  await steps.act(me, "Ada Zuse", "Disable User");
  const dialog = me.page.getByRole("dialog", { name: "Disable User" });
  await expect(dialog).toContainText("Ada Zuse");
  await expect(dialog).toContainText("Ends now");
  await expect(dialog).toContainText("Stays");

  await test.step("a wrong confirmation changes nothing", async () => {
    await me.hands.fill(dialog.getByRole("textbox", { name: /e-?mail|type/i }), "somebody@else.example");
    await me.hands.activate(dialog.getByRole("button", { name: "Disable User" }));
    await expect(dialog.getByRole("textbox", { name: /e-?mail|type/i })).toHaveAttribute("aria-invalid", "true");
    await ada.page.reload();
    await steps.expectSignedIn(ada, "Ada Zuse");
  });

  await me.hands.fill(dialog.getByRole("textbox", { name: /e-?mail|type/i }), ada.account.email);
  await me.hands.activate(dialog.getByRole("button", { name: "Disable User" }));
  await expect(dialog).toHaveCount(0);
  await expect(me.page.getByRole("status").filter({ hasText: "Ada Zuse" }).first()).toBeVisible();

  await test.step("the session is over and signing in is refused", async () => {
    await ada.page.reload();
    await steps.expectSignedOut(ada);
    await steps.fillSignIn(ada, ada.account.email, ada.account.password);
    await expect(steps.ownName(ada, "Ada Zuse")).toHaveCount(0);
  });

  await test.step("no way back in the row's menu", async () => {
    await me.page.goto(`${me.page.url().replace(/\?.*/, "").replace(/\/members.*/, "/members")}?status=disabled`);
    await expect(steps.member(me, "Ada Zuse")).toContainText("Disabled");
    const entries = await steps.entriesOf(me, "Ada Zuse");
    for (const label of ["Activate", "Deactivate", "Disable User", "Make Org Admin"]) expect(entries).not.toContain(label);
  });
});

test("Escape and Cancel leave the Disable User dialog without a change", async ({
  me,
  person,
  accounts,
  mailTo,
  signIn,
}, info) => {
  const { add } = await start({ me, person, accounts, mailTo, signIn });
  await add("Ada Zuse", "Developer");
  const dialog = me.page.getByRole("dialog", { name: "Disable User" });
  const ways = [() => me.hands.activate(dialog.getByRole("link", { name: "Cancel" }))];
  if (info.project.use.javaScriptEnabled !== false) ways.push(() => me.page.keyboard.press("Escape"));
  for (const leave of ways) {
    await steps.act(me, "Ada Zuse", "Disable User");
    await expect(dialog).toBeVisible();
    await leave();
    await expect(dialog).toHaveCount(0);
    await expect(me.page.getByRole("main").getByText("Ada Zuse").first()).toBeVisible();
    if (info.project.use.javaScriptEnabled !== false) await expect(steps.actionsOf(me, "Ada Zuse")).toBeFocused();
  }
});

test("Remove takes a person out of the organization", async ({ me, person, accounts, mailTo, signIn }) => {
  const { add } = await start({ me, person, accounts, mailTo, signIn });
  const ada = await add("Ada Zuse", "Developer");
  const members = me.page.url().replace(/\?.*/, "");
  await steps.act(me, "Ada Zuse", "Remove");
  const dialog = me.page.getByRole("dialog", { name: /^Remove/ });
  await expect(dialog).toContainText("Ada Zuse");
  const confirm = dialog.getByRole("textbox", { name: /e-?mail|type/i });
  if (await confirm.count()) await me.hands.fill(confirm, ada.account.email);
  await me.hands.activate(dialog.getByRole("button", { name: /^Remove/ }));
  await expect(steps.member(me, "Ada Zuse")).toHaveCount(0);
  await ada.page.goto(members);
  await expect(steps.members(ada)).toHaveCount(0);
});

test("one's own row offers no way to shut oneself out", async ({ me, person, accounts, mailTo, signIn }) => {
  const { account } = await start({ me, person, accounts, mailTo, signIn });
  const entries = await steps.entriesOf(me, account.name);
  expect(entries).toContain("View");
  for (const label of ["Deactivate", "Disable User", "Remove"]) expect(entries).not.toContain(label);
});
