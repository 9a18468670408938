// "Manage users", the document, word for word: from "Click your name in the upper-right corner" to "Delete Code".
import { expect, steps, test } from "../lib/test.mjs";

const resendPause = 61_000; // the same invitation can be sent again after a minute, not sooner

test("an administrator invites people, they join, and the rest is cleared up", async ({
  me,
  person,
  portal,
  accounts,
  mailTo,
  mail,
  signIn,
}) => {
  test.setTimeout(240_000);
  const admin = accounts.with("Org Admin");
  const first = "jonas.falk@kestrel.example";
  const [second, third] = ["katrin.vogel@kestrel.example", "luca.moretti@kestrel.example"];
  let firstMail, invitedAt, organization;

  await test.step("Click your name in the upper-right corner of the screen and select Manage Organization", async () => {
    await signIn(me, admin);
    await steps.manageOrganization(me, admin);
    organization = await steps.organizationName(me);
  });

  await test.step("Click the Manage Invites tab", async () => {
    await steps.openTab(me, "Manage Invites");
  });

  await test.step("Email, Invite User +: the invite appears in the table and an email is sent automatically", async () => {
    await steps.invite(me, first, "Developer");
    invitedAt = Date.now();
    await expect(steps.invitations(me).locator("tbody").getByRole("row").first()).toContainText(first);
    await expect(me.page.getByRole("status").filter({ hasText: first }).first()).toBeVisible();
    firstMail = await mailTo(first);
    expect(firstMail.subject).toBe(`You are invited to join ${organization}`);
    expect(firstMail.tls, "sent through STARTTLS").toBe(true);
    expect(firstMail.user, "sent with a sign-in").toBe(mail.about.user);
    expect(firstMail.parts).toContain("text/plain");
    expect(firstMail.parts).toContain("text/html");
    expect(firstMail.defects).toEqual([]);
    expect(firstMail.header("Auto-Submitted")).toBe("auto-generated");
    expect(new URL(firstMail.link).origin).toBe(portal.url);
    expect(firstMail.html).toContain(firstMail.link);
    expect(firstMail.text).toContain("Developer");
  });

  await test.step("The table's columns and the row's link", async () => {
    if (me.page.viewportSize().width > 1000) {
      for (const column of ["Invite Link", "Organization", "Create Time", "Action", "Send Email"]) {
        await expect(me.page.getByRole("columnheader", { name: column, exact: true })).toBeVisible();
      }
      await expect(steps.invitation(me, first)).toContainText(organization);
    }
    const link = steps.invitation(me, first).locator(".copy a");
    await expect(link).toHaveAttribute("href", new RegExp(`^${portal.url}/i/`));
  });

  await test.step("The same address again is refused on the form, with a reason", async () => {
    const form = me.page.getByRole("region", { name: "Invite Users" });
    await me.hands.fill(form.getByLabel("Email", { exact: true }), first);
    await me.hands.activate(form.getByRole("button", { name: "Invite User +" }));
    await expect(form.getByText(/already/i).first()).toBeVisible();
    await expect(form.getByLabel("Email", { exact: true })).toHaveValue(first);
    await expect(steps.invitation(me, first)).toHaveCount(1);
  });

  await test.step("Click the Bulk Add Users button", async () => {
    const opener = me.page.getByRole("link", { name: "Bulk Add Users" });
    await me.hands.activate(opener.or(me.page.getByRole("button", { name: "Bulk Add Users" })));
  });

  const dialog = me.page.getByRole("dialog", { name: "Bulk User Invite" });
  const entry = (address) => dialog.locator("li, tbody tr").filter({ hasText: address }).first();

  await test.step("Bulk User Invite: paste a block of text, Extract Emails", async () => {
    await expect(dialog).toBeVisible();
    await me.hands.fill(
      dialog.getByRole("textbox").first(),
      `From: Katrin Vogel <${second}>\nTo: Luca Moretti <${third}>; "Katrin" <${second.toUpperCase()}>\n` +
        `Cc: ${admin.email}, ${first}\nNew on Monday: also noor@kestrel (no ending yet), thanks.`,
    );
    await me.hands.activate(dialog.getByRole("button", { name: "Extract Emails" }));
    await expect(entry(second)).toBeVisible();
    await expect(entry(third)).toBeVisible();
    await expect(entry(admin.email)).toContainText("Already a member");
    await expect(entry(first)).toContainText("Already invited");
    await expect(entry("noor@kestrel")).toContainText(/not valid/i);
    const invited = (await mail.all()).flatMap((one) => one.rcpt_tos).filter((address) => [first, second, third].includes(address));
    expect(invited, "looking at a preview sends nothing").toEqual([first]);
  });

  await test.step("Confirm: both are invited, the result says so, and the mails arrive", async () => {
    await me.hands.activate(dialog.getByRole("button", { name: /^Invite 2 Users \+$/ }));
    await expect(me.page.getByText(/2 (people|users|invitations|invited)|invited 2/i).first()).toBeVisible();
    await expect(me.page).toHaveURL(/\/invites\/bulk\/[^/]+$|\/invites/);
    for (const address of [second, third]) {
      expect((await mailTo(address)).subject).toBe(`You are invited to join ${organization}`);
    }
    await me.page.goto(`${portal.url}/o/${steps.slug(me)}/invites`);
    for (const address of [second, third]) await expect(steps.invitation(me, address)).toBeVisible();
  });

  const katrin = await person();
  await test.step("The invited person opens the link from the mail and joins", async () => {
    const { link } = await mailTo(second);
    await katrin.page.goto(link);
    const main = katrin.page.getByRole("main");
    await expect(main).toContainText(organization);
    await expect(main).toContainText(admin.name);
    await expect(katrin.page, "the token leaves the address at once").toHaveURL(`${portal.url}/i`);
    await steps.accept(katrin, link, { name: "Katrin Vogel", password: steps.goodPassword, address: second });
    await expect(katrin.page).not.toHaveURL(/\/(i|sign-in)\b/);
    expect(katrin.complaints).toEqual([]);
  });

  await test.step("The link works once", async () => {
    const late = await person();
    await late.page.goto((await mailTo(second)).link);
    await expect(late.page.getByLabel("Full name")).toHaveCount(0);
    await expect(late.page.getByRole("main")).toContainText(/already|used/i);
  });

  await test.step("The person stands in the members table", async () => {
    await steps.openTab(me, "Members");
    await steps.search(me, "Katrin");
    await expect(steps.member(me, "Katrin Vogel")).toBeVisible();
    await expect(steps.member(me, "Katrin Vogel")).toContainText(second);
    await steps.openTab(me, "Manage Invites");
    await expect(steps.invitation(me, second)).toHaveCount(0);
  });

  await test.step("Delete Code: the row leaves the table and the link is dead", async () => {
    const { link } = await mailTo(third);
    await me.hands.activate(steps.invitation(me, third).getByRole("button", { name: /^Delete Code/ }));
    await expect(steps.invitation(me, third)).toHaveCount(0);
    await me.page.reload();
    await expect(steps.invitations(me)).toBeVisible();
    await expect(steps.invitation(me, third)).toHaveCount(0);
    const luca = await person();
    await luca.page.goto(link);
    await expect(luca.page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(luca.page.getByRole("main")).toContainText(/deleted|withdrawn|no longer/i);
    await expect(luca.page.getByRole("button", { name: /^Join / })).toHaveCount(0);
  });

  await test.step("Resend Email: a new email comes, with the same link", async () => {
    await new Promise((done) => setTimeout(done, Math.max(0, invitedAt + resendPause - Date.now())));
    await me.hands.activate(steps.invitation(me, first).getByRole("button", { name: /^Resend Email/ }));
    const again = await mailTo(first, { count: 2 });
    expect(again.link).toBe(firstMail.link);
    expect(again.message_id).not.toBe(firstMail.message_id);
    await expect(steps.invitation(me, first)).toHaveCount(1);
  });
});

test("the invited person declines, and the link says so afterwards", async ({ me, person, accounts, mailTo, signIn }) => {
  const admin = accounts.with("Org Admin");
  const address = "emil.brandt@kestrel.example";
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "Manage Invites");
  await steps.invite(me, address);
  const { link } = await mailTo(address);
  const emil = await person();
  await emil.page.goto(link);
  await emil.hands.activate(emil.page.getByRole("button", { name: /^Decline/ }));
  await expect(emil.page.getByRole("main")).toContainText(/declined/i);
  await emil.page.goto(link);
  await expect(emil.page.getByRole("button", { name: /^Join / })).toHaveCount(0);
  await me.page.reload();
  await expect(steps.invitation(me, address)).toHaveCount(0);
});

test("a mail that bounces shows in the invitation's row, and its link still works", async ({
  me,
  person,
  accounts,
  mail,
  signIn,
}) => {
  const admin = accounts.with("Org Admin");
  const address = "bounce@partner.example";
  await mail.mode({ mode: "550", to: "bounce@" });
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  await steps.openTab(me, "Manage Invites");
  await steps.invite(me, address);
  await expect(async () => {
    await me.page.reload();
    await expect(steps.invitation(me, address)).toContainText(/bounced/i, { timeout: 500 });
  }).toPass({ timeout: 20_000 });
  const link = await steps.invitation(me, address).locator(".copy a").getAttribute("href");
  const noor = await person();
  await steps.accept(noor, link, { name: "Noor Haddad", password: steps.goodPassword, address });
});
