// What people do in the portal, step by step, by the labels they read. `who` is { page, hands }.
import { expect } from "@playwright/test";

const exactly = (text) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
const begins = (text) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`);

/** Long, of ordinary words, and on no block-list. */
export const goodPassword = "violet harbour lantern 42";

export async function fillSignIn({ page, hands }, email, password) {
  await hands.fill(page.getByLabel("Email", { exact: true }), email);
  await hands.fill(page.getByLabel("Password", { exact: true }), password);
  await hands.activate(page.getByRole("button", { name: "Sign in", exact: true }));
}

export async function signIn(who, url, { email, password, name }) {
  await who.page.goto(`${url}/sign-in`);
  await fillSignIn(who, email, password);
  await expectSignedIn(who, name);
}

export const ownName = ({ page }, name) => page.getByRole("banner").getByRole("button", { name: begins(name) });

export async function expectSignedIn(who, name) {
  await expect(ownName(who, name)).toBeVisible();
}

export async function expectSignedOut({ page }) {
  await expect(page).toHaveURL(/\/sign-in/);
  await expect(page.getByRole("heading", { level: 1, name: "Sign in" })).toBeVisible();
}

/** "Click your name in the upper-right corner of the screen and select …" */
export async function fromUserMenu(who, name, item) {
  await who.hands.activate(ownName(who, name));
  const entry = who.page.getByRole("banner");
  await who.hands.activate(
    entry.getByRole("link", { name: item, exact: true }).or(entry.getByRole("button", { name: item, exact: true })),
  );
}

export async function manageOrganization(who, { name }) {
  await fromUserMenu(who, name, "Manage Organization");
  await expect(tabs(who)).toBeVisible();
}

const tabs = ({ page }) => page.getByRole("navigation", { name: "Manage Organization" });

export async function openTab(who, label) {
  await who.hands.activate(tabs(who).getByRole("link", { name: begins(label) }));
  await expect(who.page.getByRole("heading", { level: 1, name: begins(label) })).toBeVisible();
}

/** The organization's part of the address, such as "kestrel". */
export const slug = ({ page }) => new URL(page.url()).pathname.match(/^\/o\/([^/]+)/)[1];

export const organizationName = async ({ page }) =>
  (await page.getByRole("banner").getByRole("button", { name: /switch organization/ }).locator(".trunc").innerText()).trim();

// ---------------------------------------------------------------------------------------------------- invitations

export const invitations = ({ page }) => page.getByRole("table", { name: /^invitations/i });
export const invitation = (who, address) =>
  invitations(who)
    .getByRole("row")
    .filter({ has: who.page.getByText(address, { exact: true }) });

export async function invite(who, address, role) {
  const form = who.page.getByRole("region", { name: "Invite Users" });
  await who.hands.fill(form.getByLabel("Email", { exact: true }), address);
  if (role) await who.hands.choose(form.getByLabel("Role", { exact: true }), role);
  await who.hands.activate(form.getByRole("button", { name: "Invite User +" }));
  await expect(invitation(who, address)).toBeVisible();
}

/** Opens the link of a mail and joins with a new account. */
export async function accept(who, link, { name, password, address }) {
  const { page, hands } = who;
  await page.goto(link);
  await expect(page.getByRole("heading", { level: 1, name: /^Join / })).toBeVisible();
  await expect(page.getByLabel("Email", { exact: true })).toHaveValue(address);
  await hands.fill(page.getByLabel("Full name"), name);
  await hands.fill(page.getByLabel("Password", { exact: true }), password);
  await hands.activate(page.getByRole("button", { name: /^Join / }));
  await expectSignedIn(who, name);
}

/** Invites somebody and joins as that person: the quickest true way to a member of a known name. */
export async function addMember({ admin, person, mailTo, name, role = "Developer" }) {
  const email = `${name.toLowerCase().replace(/\W+/g, ".")}@kestrel.example`;
  await openTab(admin, "Manage Invites");
  await invite(admin, email, role);
  const { link } = await mailTo(email);
  const who = await person();
  await accept(who, link, { name, password: goodPassword, address: email });
  await openTab(admin, "Members");
  return { ...who, account: { name, email, password: goodPassword, role } };
}

// -------------------------------------------------------------------------------------------------------- members

export const members = ({ page }) => page.getByRole("table", { name: /^Members/ });
export const member = (who, name) =>
  members(who)
    .getByRole("row")
    .filter({ has: who.page.getByRole("link", { name: new RegExp(`${exactly(name).source.slice(0, -1)}( \\(you\\))?$`) }) });

export async function search(who, text) {
  await who.hands.fill(who.page.getByRole("searchbox", { name: "Search members" }), text);
  await who.page.keyboard.press("Enter");
  await expect(who.page).toHaveURL(new RegExp(`[?&]q=${encodeURIComponent(text).replaceAll("%20", "(%20|\\+)")}`));
}

export const actionsOf = (who, name) => who.page.getByLabel(`Actions for ${name}`);

/** Without scripts the actions of a row are a link to the member's page, which has them all. */
const isLink = (locator) => locator.evaluate((element) => element.localName === "a");
const entry = (within, label) =>
  within.getByRole("link", { name: label, exact: true }).or(within.getByRole("button", { name: label, exact: true }));

/** Opens the row's menu and takes the entry with this label; what is done at once is told, and ends at the table. */
export async function act(who, name, label) {
  const actions = actionsOf(who, name);
  const elsewhere = await isLink(actions);
  const isDone = ["Make Org Admin", "Activate", "Deactivate"].includes(label);
  await who.hands.activate(actions);
  if (!elsewhere) await who.hands.activate(entry(member(who, name), label));
  else {
    await expect(who.page.getByRole("heading", { level: 1, name })).toBeVisible();
    if (label === "View") return;
    const main = who.page.getByRole("main");
    await who.hands.activate(label === "Deactivate" ? main.getByRole("button", { name: label, exact: true }) : entry(main, label).first());
  }
  if (!isDone) return;
  await expect(who.page.getByRole("status").filter({ hasText: name }).first()).toBeVisible();
  if (elsewhere) await openTab(who, "Members");
  else await expect(actionsOf(who, name)).toBeFocused(); // the row is a new one, and the keyboard goes on from there
}

export async function entriesOf(who, name) {
  const actions = actionsOf(who, name);
  if (await isLink(actions)) {
    await who.hands.activate(actions);
    await expect(who.page.getByRole("heading", { level: 1, name })).toBeVisible();
    const head = who.page.locator(".page-head, section.danger");
    const labels = await head.getByRole("link").or(head.getByRole("button")).allInnerTexts();
    await openTab(who, "Members");
    return ["View", ...labels.map((label) => label.trim()).filter(Boolean)];
  }
  await who.hands.activate(actions);
  const row = member(who, name);
  const labels = await row.getByRole("link").or(row.getByRole("button")).allInnerTexts();
  await who.page.keyboard.press("Escape");
  return labels.map((label) => label.trim()).filter(Boolean);
}

// ---------------------------------------------------------------------------------------------------- any form

/** Fills every empty text field of the page's form by what its label asks for; an unknown label is an error. */
export async function fillByLabels({ page, hands }, answers) {
  const fields = page.locator("main form input:not([type=hidden], [type=checkbox], [type=radio]), main form textarea");
  for (let at = 0; at < (await fields.count()); at++) {
    const field = fields.nth(at);
    if (!(await field.isVisible()) || (await field.inputValue()) !== "") continue;
    const label = await field.evaluate((element) => element.labels?.[0]?.textContent.trim() ?? "");
    const answer = answers.find(([asks]) => asks.test(label));
    if (answer) await hands.fill(field, answer[1]);
    else if (await field.evaluate((element) => element.required)) throw new Error(`Nothing to answer to "${label}".`);
  }
}
