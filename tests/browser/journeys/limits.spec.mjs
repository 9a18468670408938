// Limits: the dialog from three places, defaults with their preview, and a request with its answer.
import { expect, steps, test } from "../lib/test.mjs";

const who = "Jürgen Weiß";

async function start({ me, accounts, signIn }) {
  const account = accounts.with("Org Admin");
  await signIn(me, account);
  await steps.manageOrganization(me, account);
  await steps.openTab(me, "Members");
  return { account, base: me.page.url().replace(/\/members.*/, "") };
}

const dialogOf = (me) => me.page.getByRole("dialog", { name: "Set Usage Limit" });

/** Types a monthly amount and saves. */
async function save(me, amount) {
  const dialog = dialogOf(me);
  await expect(dialog).toContainText(/Next reset|No limit/);
  await me.hands.fill(dialog.getByLabel("Monthly limit, amount"), amount);
  await me.hands.activate(dialog.getByRole("button", { name: "Save limit" }));
}


test("Set Usage Limit from the row, the View page and the page of limits", async ({ me, accounts, signIn }) => {
  const { base } = await start({ me, accounts, signIn });
  await steps.search(me, who);
  await expect(steps.member(me, who)).toContainText("group Engineering");

  await test.step("from the row, with a mistake first", async () => {
    await steps.act(me, who, "Set Usage Limit");
    await save(me, "1.000");
    const amount = dialogOf(me).getByLabel("Monthly limit, amount");
    await expect(amount).toHaveAttribute("aria-invalid", "true");
    await expect(amount).toHaveValue("1.000");
    await me.hands.fill(amount, "1,000");
    await me.hands.activate(dialogOf(me).getByRole("button", { name: "Save limit" }));
    await expect(dialogOf(me)).toHaveCount(0);
    await expect(me.page.getByRole("status").filter({ hasText: who }).first()).toBeVisible();
    await me.page.goto(`${base}/members?q=Jurgen`);
    await expect(steps.member(me, who)).toContainText("1,000 a month");
    await expect(steps.member(me, who)).toContainText("own limit");
  });

  await test.step("from the View page, until a day", async () => {
    await me.hands.activate(steps.member(me, who).getByRole("link", { name: who, exact: true }));
    await me.hands.activate(me.page.getByRole("link", { name: "Set Usage Limit" }));
    const tomorrow = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
    await dialogOf(me).getByLabel("Only until").fill(tomorrow);
    await save(me, "2000");
    await expect(me.page.getByRole("heading", { level: 1, name: who })).toBeVisible();
    await expect(me.page.getByRole("main")).toContainText("Then 1,000 credits again (own limit).");
  });

  await test.step("from the page of limits, back to what is inherited", async () => {
    await steps.openTab(me, "Limits");
    const raises = me.page.getByRole("region", { name: "Temporary limits" });
    await me.hands.activate(raises.getByRole("link", { name: who }));
    await me.hands.choose(dialogOf(me).getByRole("combobox", { name: "Monthly limit" }), "Inherit: 400 credits, group Engineering");
    await me.hands.fill(dialogOf(me).getByLabel("Monthly limit, amount"), "");
    await dialogOf(me).getByLabel("Only until").fill("");
    await me.hands.activate(dialogOf(me).getByRole("button", { name: "Save limit" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "Limits" })).toBeVisible();
    await expect(raises.getByRole("link", { name: who })).toHaveCount(0);
    await me.page.goto(`${base}/members?q=Jurgen`);
    await expect(steps.member(me, who)).toContainText("400 a month");
  });
});

test("a default is previewed before it counts", async ({ me, accounts, signIn }) => {
  const { base } = await start({ me, accounts, signIn });
  await steps.openTab(me, "Limits");
  await me.hands.activate(me.page.getByRole("link", { name: "Change defaults" }));
  await me.hands.fill(me.page.getByLabel("Default Monthly Limit, amount"), "300");
  await me.hands.activate(me.page.getByRole("button", { name: "Continue" }));
  await expect(me.page.getByRole("main")).toContainText("250 credits → 300 credits");
  await expect(me.page.getByRole("main")).toContainText(/\d+ members inherit it/);
  await me.hands.check(me.page.getByRole("radio", { name: /^Everyone without own limit/ }));
  await me.hands.activate(me.page.getByRole("button", { name: "Save defaults" }));
  await expect(me.page.getByRole("region", { name: "Default limits" })).toContainText("300 credits");
  await me.page.goto(`${base}/members?q=Leilani`);
  await expect(steps.member(me, "Leilani Kahale")).toContainText("300 a month");
});

test("a member asks for more, and an administrator approves", async ({ me, person, accounts, mailTo, signIn }) => {
  const { account } = await start({ me, accounts, signIn });
  const member = accounts.all.find((one) => one.email.startsWith("weilin.chen"));
  const wei = await person();
  await signIn(wei, member);
  await steps.manageOrganization(wei, member);
  await wei.page.goto(`${wei.page.url().replace(/\/members.*/, "")}/limits/request`);
  await wei.hands.fill(wei.page.getByLabel(/^New amount/), "900");
  await wei.hands.fill(wei.page.getByLabel("Reason"), "A second evaluation run");
  await wei.hands.activate(wei.page.getByRole("button", { name: "Send request" }));
  await expect(wei.page.getByRole("main")).toContainText("Waiting");

  await me.page.goto((await mailTo(account.email, { about: /asks for a higher limit/ })).link);
  await expect(me.page.getByRole("main")).toContainText("A second evaluation run");
  await me.hands.fill(me.page.getByLabel("A word to the member"), "For this quarter");
  await me.hands.activate(me.page.getByRole("button", { name: "Approve" }));
  await expect(me.page.getByRole("heading", { level: 1, name: "Limits" })).toBeVisible();

  await wei.page.reload();
  await expect(wei.page.getByRole("main")).toContainText("Approved");
  await expect(wei.page.getByRole("main")).toContainText("For this quarter");
  await expect(wei.page.getByRole("main")).toContainText("900 credits");

  // Another one, taken back before anybody has answered it.
  await wei.hands.fill(wei.page.getByLabel(/^New amount/), "950");
  await wei.hands.fill(wei.page.getByLabel("Reason"), "A third evaluation run");
  await wei.hands.activate(wei.page.getByRole("button", { name: "Send request" }));
  await expect(wei.page.getByRole("main")).toContainText("Waiting");
  await wei.hands.activate(wei.page.getByRole("button", { name: /^Withdraw/ }));
  await expect(wei.page.getByRole("main")).toContainText("Withdrawn");
});
