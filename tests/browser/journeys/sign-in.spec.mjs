// Signing in and out, a wrong password, and a forgotten one.
import { expect, steps, test } from "../lib/test.mjs";

test("the start page leads to sign-in, and signing out leads back", async ({ me, portal, accounts }) => {
  const admin = accounts.with("Org Admin");
  await me.page.goto(portal.url);
  await steps.expectSignedOut(me);
  await steps.fillSignIn(me, admin.email, admin.password);
  await steps.expectSignedIn(me, admin.name);
  await expect(me.page).toHaveURL(/\/o\/[^/]+\//);
  const inside = me.page.url();
  await steps.fromUserMenu(me, admin.name, "Sign out");
  await steps.expectSignedOut(me);
  await me.page.goto(inside);
  await steps.expectSignedOut(me);
});


test("a wrong password and an unknown address get the same answer", async ({ me, portal, accounts }) => {
  const admin = accounts.with("Org Admin");
  const answers = [];
  for (const [email, password] of [
    [admin.email, "not the right one at all"],
    ["nobody@kestrel.example", "not the right one at all"],
  ]) {
    await me.page.goto(`${portal.url}/sign-in`);
    await steps.fillSignIn(me, email, password);
    const alert = me.page.getByRole("alert");
    await expect(alert).toBeVisible();
    answers.push(await alert.innerText());
    await expect(me.page.getByLabel("Email", { exact: true })).toHaveValue(email);
    await expect(me.page.getByLabel("Password", { exact: true })).toHaveValue("");
  }
  expect(answers[0]).toBe(answers[1]);
  await me.page.waitForTimeout(1_200); // one failure delays the next try for this account by a second
  await steps.signIn(me, portal.url, admin);
});

test("a forgotten password is set again by mail, and old sessions end", async ({
  me,
  person,
  portal,
  accounts,
  mailTo,
  signIn,
}) => {
  const admin = accounts.with("Org Admin");
  const elsewhere = await person();
  await signIn(elsewhere, admin);

  await me.page.goto(`${portal.url}/sign-in`);
  await me.hands.activate(me.page.getByRole("link", { name: /^Forgot/ }));
  await me.hands.fill(me.page.getByLabel("Email", { exact: true }), admin.email);
  await me.hands.activate(me.page.getByRole("main").getByRole("button"));
  const mail = await mailTo(admin.email, { about: /^Reset your/ });
  expect(new URL(mail.link).pathname).toMatch(/^\/reset\//);

  await me.page.goto(mail.link);
  for (const field of await me.page.locator("main input[type=password]").all()) {
    await me.hands.fill(field, steps.goodPassword);
  }
  await me.hands.activate(me.page.getByRole("main").getByRole("button", { name: /password/i }));
  await steps.expectSignedOut(me);

  await elsewhere.page.reload();
  await steps.expectSignedOut(elsewhere);
  await signIn(me, { ...admin, password: steps.goodPassword });

  const late = await person();
  await late.page.goto(mail.link);
  await expect(late.page.locator("main input[type=password]")).toHaveCount(0);
});

test("asking for a reset of an unknown address says the same and mails nobody", async ({ me, portal, accounts, mail }) => {
  const texts = [];
  const known = accounts.with("Org Admin").email;
  for (const address of ["nobody@kestrel.example", known]) {
    await me.page.goto(`${portal.url}/forgot`);
    await me.hands.fill(me.page.getByLabel("Email", { exact: true }), address);
    await me.hands.activate(me.page.getByRole("main").getByRole("button"));
    await expect(me.page.getByRole("main")).toContainText(/mail/i);
    texts.push((await me.page.getByRole("main").innerText()).replaceAll(address, "ADDRESS"));
  }
  expect(texts[0]).toBe(texts[1]);
  await mail.mailTo(known, { about: /^Reset your/ });
  expect((await mail.all()).flatMap((one) => one.rcpt_tos)).not.toContain("nobody@kestrel.example");
});

test("a page that needs sign-in is where one lands after it", async ({ me, person, portal, accounts, signIn }) => {
  const admin = accounts.with("Org Admin");
  const scout = await person();
  await signIn(scout, admin);
  await steps.manageOrganization(scout, admin);
  const wanted = `${portal.url}/o/${steps.slug(scout)}/invites`;
  await me.page.goto(wanted);
  await steps.expectSignedOut(me);
  await steps.fillSignIn(me, admin.email, admin.password);
  await expect(me.page).toHaveURL(wanted);
});
