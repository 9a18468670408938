// The workflow by which an organization is set up, from its first day: create a group → add users → set limits → monitor.
// Each step begins where the checklist of getting started leads to, and ticks itself there.
import { expect, steps, test } from "../lib/test.mjs";

const hasScripts = (info) => info.project.use.javaScriptEnabled !== false;
const owner = { name: "Priya Raman", email: "priya.raman@halden.example" };
const answers = [
  [/password/i, steps.goodPassword],
  [/support/i, "support@halden.example"],
  [/enterprise/i, "Halden Group"],
  [/organization/i, "Halden Robotics"],
  [/e-?mail/i, owner.email],
  [/name/i, owner.name],
];
const people = Array.from({ length: 120 }, (_, n) => `Robin ${String(n + 1).padStart(3, "0")}`);

/** Nobody adds 120 people by hand in a test: they are sent to the form's own address, as the administrator who is signed in. */
async function populate(me, url, base) {
  await me.page.goto(`${base}/members/new`);
  const form = me.page.locator("main form, dialog form").first();
  const hidden = await form.locator("input[type=hidden]").evaluateAll((all) => all.map((one) => [one.name, one.value]));
  for (const name of people) {
    const fields = { ...Object.fromEntries(hidden), name, email: `${name.toLowerCase().replace(" ", ".")}@halden.example`, role: "member" };
    const answer = await me.page.request.post(`${base}/members`, { form: fields, headers: { origin: url }, maxRedirects: 0 });
    expect(answer.status(), `adding ${name}`).toBe(303);
  }
}

const start = ({ page }) => page.getByRole("region", { name: "Getting started" });
const bar = ({ page }) => page.getByRole("group", { name: "Selected members" });
const boxes = ({ page }) => page.getByRole("checkbox", { name: /^Select (?!every)/ });
const dialogOf = (me) => me.page.getByRole("dialog", { name: "Set Usage Limit" });

/** Ticks the first people of the page. */
async function tick(me, count) {
  const names = await boxes(me).evaluateAll((all, n) => all.slice(0, n).map((box) => box.getAttribute("aria-label")), count);
  expect(names).toHaveLength(count);
  for (const name of names) await me.hands.check(me.page.getByRole("checkbox", { name, exact: true }).first());
  return names.map((name) => name.replace("Select ", ""));
}

async function nextPage(me, info) {
  const before = await boxes(me).first().getAttribute("value");
  if (hasScripts(info)) await me.hands.activate(me.page.getByRole("link", { name: "Next" }));
  else await me.hands.activate(bar(me).getByRole("button", { name: "Keep, next page" }));
  await expect(boxes(me).first()).not.toHaveAttribute("value", before);
}

/** The steps that are ticked, on the page that lists them all. */
async function done(me, base) {
  await me.page.goto(`${base}/getting-started`);
  return me.page.locator(".steps li.done").evaluateAll((all) => all.map((one) => one.id.replace("step-", "")));
}

async function setMonthly(me, amount) {
  await me.hands.fill(dialogOf(me).getByLabel("Monthly limit, amount"), amount);
  await me.hands.activate(dialogOf(me).getByRole("button", { name: "Save limit" }));
}

test("create a group, add people over three pages, set limits, and monitor", async ({ me, fresh: portal }, info) => {
  test.slow(); // with the keyboard alone it is some thousand presses of Tab
  await me.page.goto(await portal.setupLink());
  await steps.fillByLabels(me, answers);
  await me.hands.activate(me.page.getByRole("main").getByRole("button").last());
  if (/\/sign-in/.test(me.page.url())) await steps.fillSignIn(me, owner.email, steps.goodPassword);
  await steps.expectSignedIn(me, owner.name);
  await steps.manageOrganization(me, owner);
  const base = `${portal.url}/o/${steps.slug(me)}`;
  await populate(me, portal.url, base);
  expect(await done(me, base)).toEqual(["people"]);
  let grouped = [];

  await test.step("create a group, from the checklist", async () => {
    await me.page.goto(`${base}/members`);
    await expect(start(me)).toContainText("1 of 8 done · next: Give roles");
    await me.hands.activate(start(me).locator("summary"));
    await me.hands.activate(start(me).getByRole("link", { name: "Groups: Create a group" }));
    await me.hands.activate(me.page.getByRole("link", { name: "Create Group" }).first());
    const dialog = me.page.getByRole("dialog", { name: "Create Group" });
    await me.hands.fill(dialog.getByLabel("Name", { exact: true }), "Engineering");
    await me.hands.activate(dialog.getByRole("button", { name: "Create group" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "Engineering" })).toBeVisible();
    expect(await done(me, base)).toEqual(["people", "groups"]);
  });

  await test.step("add users: forty over three pages, two activations after the selection", async () => {
    await me.page.goto(`${base}/members`);
    grouped = [...(await tick(me, 13))];
    await nextPage(me, info);
    grouped.push(...(await tick(me, 13)));
    await nextPage(me, info);
    grouped.push(...(await tick(me, 14)));
    await expect(bar(me)).toContainText("+ 26 on other pages");
    await me.hands.activate(bar(me).getByRole("button", { name: "Add to Group" }));
    const dialog = me.page.getByRole("dialog", { name: "Add to Group" });
    await expect(dialog).toContainText("40 members");
    await me.hands.check(dialog.getByRole("checkbox", { name: "Engineering" }));
    await me.hands.activate(dialog.getByRole("button", { name: "Add to Group" }));
    await expect(me.page.getByText("40 members were added to Engineering").first()).toBeVisible();
    expect(await done(me, base)).toEqual(["people", "groups", "grouped"]);
  });
  grouped = grouped.filter((name) => people.includes(name));
  const [byRow, byPage] = grouped;

  await test.step("set limits: of the group, from its page", async () => {
    await me.hands.activate(me.page.getByRole("link", { name: "Groups: Add people to the group" }));
    await me.hands.activate(me.page.getByRole("link", { name: "Engineering", exact: true }));
    const card = me.page.getByRole("region", { name: "Limits", exact: true });
    await expect(card).toContainText("None");
    await me.hands.activate(card.getByRole("link", { name: "Change" }));
    const form = me.page.getByRole("form", { name: "Engineering" });
    await me.hands.fill(form.getByLabel(/^Monthly.*amount$/).first(), "400");
    await me.hands.choose(form.getByRole("combobox").first(), "Amount");
    await me.hands.activate(form.getByRole("button", { name: "Save group limits" }));
    await expect(me.page.getByRole("table", { name: /^Groups and their limits/ })).toContainText("400 credits a month");
    expect(await done(me, base)).toEqual(["people", "groups", "grouped", "limits"]);
    await me.page.goto(`${base}/members?q=${encodeURIComponent(byRow)}`);
    await expect(steps.member(me, byRow)).toContainText("400 a month");
    await expect(steps.member(me, byRow)).toContainText("group Engineering");
  });

  await test.step("set limits: of a person, from the row", async () => {
    await steps.act(me, byRow, "Set Usage Limit");
    await expect(dialogOf(me)).toContainText("400 credits");
    await expect(dialogOf(me)).toContainText("Next reset");
    await setMonthly(me, "600");
    await expect(dialogOf(me)).toHaveCount(0);
    await me.page.goto(`${base}/members?q=${encodeURIComponent(byRow)}`);
    await expect(steps.member(me, byRow)).toContainText("600 a month");
    await expect(steps.member(me, byRow)).toContainText("own limit");
  });

  await test.step("set limits: of a person, from the View page", async () => {
    await me.page.goto(`${base}/members?q=${encodeURIComponent(byPage)}`);
    await me.hands.activate(steps.member(me, byPage).getByRole("link", { name: byPage, exact: true }));
    const limits = me.page.getByRole("region", { name: "Limits", exact: true });
    await expect(limits).toContainText("400 credits group Engineering");
    await me.hands.activate(me.page.getByRole("link", { name: "Set Usage Limit" }));
    await setMonthly(me, "50");
    await expect(me.page.getByRole("heading", { level: 1, name: byPage })).toBeVisible();
    await expect(limits).toContainText("50 credits own limit");
    await expect(limits).toContainText(/Next reset .* \(.+\)/);
  });

  await test.step("set limits: of a person, among the members with own limits", async () => {
    await me.page.goto(`${base}/getting-started`);
    await me.hands.activate(me.page.getByRole("link", { name: "Limits: Set limits" }));
    await me.hands.activate(me.page.getByRole("link", { name: "Members with own limits" }));
    const row = me.page.getByRole("row").filter({ hasText: byPage });
    await expect(row).toContainText("50 credits a month");
    await me.hands.activate(row.getByRole("link").last());
    await setMonthly(me, "75");
    await expect(me.page.getByRole("row").filter({ hasText: byPage })).toContainText("75 credits a month");
  });

  await test.step("set limits: of everybody who fits a search at once", async () => {
    await me.page.goto(`${base}/members?q=${encodeURIComponent("Robin 00")}`);
    await tick(me, 1);
    await me.hands.activate(bar(me).getByRole("button", { name: /^Select all/ }));
    await me.hands.activate(bar(me).getByRole("button", { name: "Set limit" }));
    const dialog = me.page.getByRole("dialog", { name: "Set limit" });
    await expect(dialog).toContainText("10 members can be given a limit");
    await me.hands.fill(dialog.getByLabel("Daily limit, amount"), "60");
    await me.hands.activate(dialog.getByRole("button", { name: "Preview" }));
    await expect(dialog).toContainText("10 members will change");
    await me.hands.activate(dialog.getByRole("button", { name: "Set limit" }));
    await expect(me.page.getByText("10 members were changed: 60 credits a day").first()).toBeVisible();
    await me.page.goto(`${base}/members?q=${encodeURIComponent(byRow)}`);
    await expect(steps.member(me, byRow)).toContainText("600 a month, 60 a day");
  });

  await test.step("monitor", async () => {
    await me.page.goto(`${base}/getting-started`);
    await me.hands.activate(me.page.getByRole("link", { name: "Audit log: Look at what happened" }));
    await expect(me.page.getByRole("heading", { level: 1, name: /^Audit/ })).toBeVisible();
    await expect(me.page.getByRole("main")).toContainText(/limit/i);
    expect(await done(me, base)).toEqual(["people", "groups", "grouped", "limits", "watched"]);
    await me.page.goto(`${base}/members`);
    await expect(start(me)).toContainText("5 of 8 done · next: Give roles");
  });
});
