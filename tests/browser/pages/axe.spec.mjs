// Every page, in both themes, wide and on a phone: axe finds nothing and nothing scrolls sideways.
import { axe, expect, fitsInto, shots, steps, test } from "../lib/test.mjs";

/** `atEnd` looks at the end of the page, where a bar that floats over the rows meanwhile has come to its own place. */
async function inspect({ page }, name, { atEnd = false, without = [] } = {}) {
  await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
  await expect(page).toHaveTitle(/ · Muster$|^Muster$/);
  await axe(page, name, { without, atEnd, widths: [1440, 390] });
  for (const width of [360, 768]) await fitsInto(page, width, name);
  await shots(page, name);
}

async function visit(who, url, name, status = 200) {
  const answer = await who.page.goto(url);
  expect.soft(answer.status(), `status of ${name}`).toBe(status);
  await inspect(who, name);
}


test("outside: sign-in, forgotten password, errors", async ({ me, portal, accounts, mailTo }) => {
  await visit(me, `${portal.url}/sign-in`, "sign-in");
  await steps.fillSignIn(me, "nobody@kestrel.example", "wrong in every way");
  await expect(me.page.getByRole("alert")).toBeVisible();
  await inspect(me, "sign-in-refused");
  await visit(me, `${portal.url}/forgot`, "forgot");
  const { email } = accounts.with("Org Admin");
  await me.hands.fill(me.page.getByLabel("Email", { exact: true }), email);
  await me.hands.activate(me.page.getByRole("main").getByRole("button"));
  await inspect(me, "forgot-sent");
  await visit(me, (await mailTo(email, { about: /^Reset your/ })).link, "reset");
  await visit(me, `${portal.url}/reset/mst_rst_unknown`, "reset-dead", 410);
  await visit(me, `${portal.url}/no/such/page`, "error-404", 404);
});

test("set-up", async ({ me, fresh }) => {
  await visit(me, await fresh.setupLink(), "setup");
});

test("invitation: the link's pages", async ({ me, person, accounts, mailTo, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "Manage Invites");
  const address = "jonas.falk@kestrel.example";
  await steps.invite(me, address);
  const { link } = await mailTo(address);
  const jonas = await person();
  await visit(jonas, link, "invitation");
  await jonas.hands.fill(jonas.page.getByLabel("Full name"), "Jonas Falk");
  await jonas.hands.fill(jonas.page.getByLabel("Password", { exact: true }), "short");
  await jonas.page.locator("main form").first().evaluate((form) => (form.noValidate = true));
  await jonas.hands.activate(jonas.page.getByRole("button", { name: /^Join / }));
  await expect(jonas.page.getByLabel("Password", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await inspect(jonas, "invitation-refused");
  await steps.accept(jonas, link, { name: "Jonas Falk", password: steps.goodPassword, address });
  await inspect(jonas, "first-page-of-a-member");
  const late = await person();
  await late.page.goto(link);
  await inspect(late, "invitation-used");
});

test("members: table, menus, dialogs, one person", async ({ me, person, accounts, mailTo, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.addMember({ admin: me, person, mailTo, name: "Ada Zuse" });
  const members = me.page.url().replace(/\?.*/, "");
  await visit(me, members, "members");
  await visit(me, `${members}?q=nobody-has-this-name`, "members-empty");
  await visit(me, `${members}/new`, "members-new");

  await me.page.goto(members);
  await me.hands.activate(steps.actionsOf(me, "Ada Zuse"));
  await inspect(me, "members-row-menu");
  await me.page.keyboard.press("Escape");
  await me.hands.activate(steps.ownName(me, admin.name));
  await inspect(me, "user-menu");
  await me.page.keyboard.press("Escape");
  await me.hands.activate(me.page.getByRole("button", { name: /switch organization/ }));
  await inspect(me, "organization-switcher");
  await me.page.keyboard.press("Escape");
  await me.hands.activate(me.page.getByRole("button", { name: "Role", exact: true }));
  await inspect(me, "members-filter");
  await me.page.keyboard.press("Escape");

  await steps.act(me, "Ada Zuse", "Disable User");
  const dialog = me.page.getByRole("dialog", { name: "Disable User" });
  await expect(dialog).toBeVisible();
  await inspect(me, "disable-dialog");
  await me.page.keyboard.press("Escape");

  await me.page.goto(members);
  await steps.act(me, "Ada Zuse", "View");
  await expect(me.page.getByRole("heading", { level: 1, name: "Ada Zuse" })).toBeVisible();
  await inspect(me, "member");
  const one = me.page.url().replace(/\?.*/, "");
  await visit(me, `${one}/disablement`, "disable-page");
  await visit(me, `${one}/removal`, "remove-page");
});

test("usage: organization, member, own", async ({ me, portal, accounts, signIn }) => {
  await signIn(me, accounts.with("Org Admin"));
  await me.page.goto(`${portal.url}/o/${steps.slug(me)}/usage`);
  await me.page.getByText("Show as table").click();
  await inspect(me, "usage");
  await visit(me, `${portal.url}/o/${steps.slug(me)}/usage?p=90`, "usage-90-days");
  await visit(me, `${portal.url}/o/${steps.slug(me)}/usage/mine`, "usage-mine");
  await visit(me, `${portal.url}/o/${steps.slug(me)}/usage/unused`, "usage-unused");
  await visit(me, `${portal.url}/o/${steps.slug(me)}/usage/alerts`, "usage-alerts");
  await me.page.goto(`${portal.url}/o/${steps.slug(me)}/usage`);
  await me.page.getByRole("link", { name: "Wei-Lin Chen" }).first().click();
  await inspect(me, "usage-member");
});

test("groups: list, page, forms, dialogs", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "Groups");
  const groups = me.page.url().replace(/\?.*/, "");
  await visit(me, groups, "groups");
  await visit(me, `${groups}?q=nothing-has-this-name`, "groups-empty");
  await visit(me, `${groups}/new`, "groups-new");
  await me.page.goto(groups);
  await me.hands.activate(me.page.getByRole("link", { name: "Engineering", exact: true }));
  await expect(me.page.getByRole("heading", { level: 1, name: "Engineering" })).toBeVisible();
  const one = me.page.url().replace(/\?.*/, "");
  await inspect(me, "group");
  await me.hands.activate(steps.actionsOf(me, "Mateus Carvalho"));
  await inspect(me, "group-row-menu");
  await me.hands.activate(me.page.getByRole("link", { name: "Set end date" }).locator("visible=true"));
  await expect(me.page.getByRole("dialog", { name: "Set end date" })).toBeVisible();
  await inspect(me, "group-end-dialog");
  for (const page of ["members/new", "cards", "edit", "deletion", "invitations"]) {
    await visit(me, `${one}/${page}`, `group-${page.replace("/", "-")}`);
  }
});

test("bulk: selection, dry run, result, saved views", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  const members = me.page.url().replace(/\?.*/, "");
  const choose = async (act) => {
    await me.page.goto(members);
    await me.hands.check(me.page.getByRole("checkbox", { name: /^Select (?!every)/ }).first());
    await me.hands.activate(me.page.getByRole("button", { name: act, exact: true }));
  };
  await choose(/^Select all/);
  // The bar floats over the rows, which "members" looks at.
  await inspect(me, "bulk-bar", { without: ["#results tbody"] });
  await choose("More");
  await inspect(me, "bulk-menu", { without: ["#results tbody"] });
  for (const act of ["Add to Group", "Set limit", "Change role"]) {
    await choose(act);
    const dialog = me.page.getByRole("dialog", { name: act });
    await expect(dialog).toBeVisible();
    await inspect(me, `bulk-${act.toLowerCase().replaceAll(" ", "-")}`);
  }
  await me.hands.check(me.page.getByRole("radio", { name: "Manager" }));
  await me.hands.activate(me.page.getByRole("dialog").getByRole("button", { name: "Change role" }));
  await expect(me.page).toHaveURL(/\/members|\/bulk\//);
  await me.hands.activate(me.page.getByRole("button", { name: "Undo", exact: true }));
  await expect(me.page.getByRole("heading", { level: 1, name: /^Undo/ })).toBeVisible();
  await inspect(me, "bulk-result-members");
  await visit(me, members.replace(/members$/, "views?role=viewer"), "views");
  await me.hands.fill(me.page.getByLabel("Name", { exact: true }), "Readers");
  await me.hands.activate(me.page.getByRole("button", { name: "Save view" }));
  await expect(me.page).toHaveURL(/role=viewer/);
  await inspect(me, "members-with-views");
  await visit(me, members.replace(/members$/, "views"), "views-saved");
});

test("import: file, columns, check, result", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  const imports = me.page.url().replace(/\?.*/, "").replace(/members$/, "imports");
  await visit(me, `${imports}/new`, "import-new");
  await me.hands.activate(me.page.getByRole("button", { name: "Continue" }));
  await expect(me.page.getByText("Choose a file, or paste its lines below.")).toBeVisible();
  await inspect(me, "import-refused");
  const lines = ["email,name,role,groups", "ines.novak@kestrel.example,Inês Novák,Member,Engineering", `${admin.email},Me,,`, "noor at kestrel,Noor,Emperor,Nowhere"];
  await me.hands.fill(me.page.getByLabel("Or paste its lines"), lines.join("\n"));
  await me.hands.activate(me.page.getByRole("button", { name: "Continue" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "What the columns hold" })).toBeVisible();
  await inspect(me, "import-columns");
  await me.hands.activate(me.page.getByRole("button", { name: "Check all lines" }));
  await expect(me.page.getByText("1 person can be brought in")).toBeVisible();
  await inspect(me, "import-check");
  await me.hands.activate(me.page.getByRole("button", { name: "Import 1 person" }));
  await expect(me.page.getByText("1 person was invited.")).toBeVisible();
  await inspect(me, "import-result");
  await visit(me, `${imports}/new`, "import-new-with-list");
});

test("invites: table, bulk window, preview, result", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "Manage Invites");
  const invites = me.page.url().replace(/\?.*/, "");
  await visit(me, invites, "invites");
  await steps.invite(me, "k.nakamura@orbital.example");
  await inspect(me, "invites-after-one");
  await me.hands.activate(me.page.getByRole("link", { name: "Bulk Add Users" }));
  const dialog = me.page.getByRole("dialog", { name: "Bulk User Invite" });
  await expect(dialog).toBeVisible();
  await inspect(me, "bulk-dialog");
  await me.hands.fill(
    dialog.getByRole("textbox").first(),
    `ines.novak@kestrel.example ${admin.email} noor@kestrel k.nakamura@orbital.example`,
  );
  await me.hands.activate(dialog.getByRole("button", { name: "Extract Emails" }));
  await expect(dialog.getByText("Already a member")).toBeVisible();
  await inspect(me, "bulk-preview");
  await me.hands.activate(dialog.getByRole("button", { name: /^Invite \d+ Users?/ }));
  await expect(me.page.getByText(/invited/i).first()).toBeVisible();
  await inspect(me, "bulk-result");
  await visit(me, `${invites}/bulk`, "bulk-page");
});

test("roles: list, editor, table, catalogue, dialogs, why", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "Roles");
  const roles = me.page.url().replace(/\?.*/, "");
  await visit(me, roles, "roles");
  await visit(me, `${roles}/new?from=manager`, "role-new");
  await visit(me, `${roles}/matrix`, "roles-matrix");
  await visit(me, `${roles}/permissions`, "roles-permissions");
  await me.page.goto(roles);
  await me.hands.activate(me.page.getByRole("region", { name: "Custom roles" }).getByRole("rowheader").getByRole("link").first());
  await expect(me.page.getByRole("heading", { level: 1 })).toBeVisible();
  await inspect(me, "role");
  const one = me.page.url();
  await visit(me, `${one}/edit`, "role-edit");
  await visit(me, `${one}/deletion`, "role-delete");
  const organization = roles.replace(/\/roles$/, "");
  await visit(me, `${organization}/access`, "access");
  await visit(me, `${organization}/access?q=${accounts.with("Developer").email}&permission=audit.read`, "access-denied");
  await me.page.goto(`${organization}/members`);
  await steps.act(me, accounts.with("Developer").name, "Manage Roles");
  await expect(me.page.getByRole("dialog", { name: "Manage Roles" })).toBeVisible();
  await inspect(me, "manage-roles");
});

test("the rest of an organization, and one's own pages", async ({ me, portal, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  const organization = `${portal.url}/o/${steps.slug(me)}`;
  await visit(me, `${organization}/settings`, "settings");
  await visit(me, `${organization}/policies`, "policies");
  await visit(me, `${organization}/getting-started`, "getting-started");
  await visit(me, `${portal.url}/me/notifications`, "notifications");
  await visit(me, `${portal.url}/me/notifications/preferences`, "notification-preferences");
  await visit(me, `${portal.url}/help`, "help");
  await visit(me, `${organization}/audit`, "audit");
  await visit(me, `${organization}/members/mem_unknown`, "error-404-inside", 404);
  await visit(me, `${portal.url}/me`, "profile");
  await visit(me, `${portal.url}/me/security`, "security");
  await visit(me, `${portal.url}/me/invitations`, "my-invitations");
  await visit(me, `${portal.url}/organizations?q=a`, "find-organization");
});

test("keys: list, forms, one key, catalogue, services, own keys", async ({ me, portal, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "API Keys");
  const keys = me.page.url().replace(/\?.*/, "");
  await inspect(me, "keys");
  await visit(me, `${keys}?q=nothing-has-this-name`, "keys-empty");
  for (const page of ["new", "groups", "features", "services", "rules", "own/new"]) {
    await visit(me, `${keys}/${page}`, `keys-${page.replace("/", "-")}`);
  }
  await me.page.goto(`${keys}/features`);
  await me.hands.activate(me.page.getByRole("rowheader").getByRole("link").first());
  await expect(me.page.getByRole("heading", { level: 2, name: "Remove" })).toBeVisible();
  await inspect(me, "key-feature");
  await me.page.goto(`${keys}/services`);
  await me.hands.activate(me.page.getByRole("rowheader").getByRole("link").first());
  await expect(me.page.getByRole("heading", { level: 2, name: "Keys" })).toBeVisible();
  await inspect(me, "key-service");
  await me.page.goto(keys);
  await me.hands.check(me.page.getByRole("checkbox", { name: "Select prod-gateway" }));
  await inspect(me, "keys-bar", { atEnd: true });
  await me.hands.activate(me.page.getByRole("group", { name: "Selected keys" }).getByRole("button", { name: "Revoke" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "Revoke 1 key" })).toBeVisible();
  await inspect(me, "keys-many");
  await me.page.goto(keys);
  await me.hands.activate(me.page.getByRole("link", { name: "prod-gateway" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "prod-gateway" })).toBeVisible();
  await inspect(me, "key");
  const one = me.page.url();
  await visit(me, `${one}/edit`, "key-edit");
  await visit(me, `${one}/revocation`, "key-revoke");
  await me.page.goto(one);
  await me.hands.activate(me.page.getByRole("button", { name: "Rotate key" }));
  await expect(me.page.getByLabel(/^key /)).toBeVisible();
  await inspect(me, "key-shown");
  await visit(me, `${portal.url}/me/keys`, "my-keys");
});

test("credits: pools, their forms, a wallet", async ({ me, portal, accounts, signIn }) => {
  await signIn(me, accounts.with("Enterprise Administrator"));
  const organization = `${portal.url}/o/kestrel-robotics`;
  await visit(me, `${organization}/credits`, "credits");
  const pool = await me.page.getByRole("link", { name: "Platform", exact: true }).getAttribute("href");
  const one = new URL(pool, organization).href;
  await visit(me, one, "credit-pool");
  await visit(me, `${one}/edit`, "credit-pool-edit");
  await visit(me, `${one}/archive`, "credit-pool-archive");
  await visit(me, `${organization}/credits/new`, "credit-pool-new");
  await me.page.getByRole("form", { name: "Credit pool" }).evaluate((form) => (form.noValidate = true));
  await me.hands.activate(me.page.getByRole("button", { name: "Make pool" }));
  await expect(me.page.getByLabel("Name", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await inspect(me, "credit-pool-refused");
  await visit(me, `${organization}/credits/wallets`, "wallets");
  await me.page.goto(`${organization}/members?q=Farid`);
  const member = await steps.member(me, "Farid Haddad").getByRole("link", { name: "Farid Haddad" }).getAttribute("href");
  await visit(me, `${new URL(member, organization).href}/wallet`, "wallet");
});

test("limits: the page, the dialog, one group, one request", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  const organization = me.page.url().replace(/\/members.*/, "");
  await me.page.goto(`${organization}/members`);
  await steps.act(me, "Farid Haddad", "Set Usage Limit");
  await expect(me.page.getByRole("dialog", { name: "Set Usage Limit" })).toBeVisible();
  await inspect(me, "limit-dialog");
  await me.page.goto(`${organization}/members?q=Farid`);
  const member = await steps.member(me, "Farid Haddad").getByRole("link", { name: "Farid Haddad" }).getAttribute("href");
  await visit(me, `${new URL(member, organization).href}/limit`, "limit-page");
  await visit(me, `${organization}/limits`, "limits");
  const request = await me.page.getByRole("link", { name: /^Answer/ }).first().getAttribute("href");
  const group = await me.page.getByRole("link", { name: "Engineering" }).getAttribute("href");
  await visit(me, new URL(request, organization).href, "limit-request");
  await visit(me, new URL(group, organization).href, "limit-group");
});

test("limits: own limits, defaults with their preview, asking for more", async ({ me, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  const organization = me.page.url().replace(/\/members.*/, "");
  await visit(me, `${organization}/limits/members`, "limit-members");
  await visit(me, `${organization}/limits/defaults`, "limit-defaults");
  const changed = "monthly_mode=amount&monthly=300&daily_mode=inherit&enforcement=hard&step=preview&version=2";
  await visit(me, `${organization}/limits/defaults?${changed}`, "limit-preview");
  await visit(me, `${organization}/limits/request`, "limit-ask");
});

test("the Enterprise Portal", async ({ me, portal, accounts, signIn }) => {
  await signIn(me, accounts.with("Enterprise Administrator"));
  for (const page of ["", "/organizations", "/users", "/roles", "/audit", "/outbox", "/settings"]) {
    await visit(me, `${portal.url}/e${page}`, `enterprise${page.replace("/", "-")}`);
  }
});
