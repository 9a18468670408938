// Credit pools and wallets: made and filled by whoever runs the enterprise, read by the organization and by the person.
import { expect, steps, test } from "../lib/test.mjs";

test("a pool is made, filled and given to a member, whose wallet is topped up", async ({ me, person, portal, accounts, signIn }) => {
  await signIn(me, accounts.with("Enterprise Administrator"));
  const organization = `${portal.url}/o/kestrel-robotics`;
  await me.page.goto(`${organization}/credits`);

  await test.step("a pool", async () => {
    await me.hands.activate(me.page.getByRole("link", { name: "New pool" }));
    await me.hands.fill(me.page.getByLabel("Name", { exact: true }), "Field trial");
    await me.hands.fill(me.page.getByLabel("Price of a credit"), "0.10");
    await me.hands.fill(me.page.getByLabel(/^Credits from the start/), "500");
    await me.hands.activate(me.page.getByRole("button", { name: "Make pool" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "Field trial" })).toBeVisible();
    await expect(me.page.getByRole("main")).toContainText("of 500 credits granted");
  });

  await test.step("more credits", async () => {
    const grant = me.page.getByRole("form", { name: "Grant credits" });
    await me.hands.fill(grant.getByLabel(/^Amount/), "250");
    await me.hands.fill(grant.getByLabel(/^Note/), "For the second month");
    await me.hands.activate(grant.getByRole("button", { name: "Grant" }));
    await expect(me.page.getByRole("main")).toContainText("of 750 credits granted");
    await expect(me.page.getByRole("region", { name: "Statement" })).toContainText("+250 credits");
  });

  await test.step("for one member", async () => {
    await me.page.goto(`${organization}/members?q=Farid`);
    await me.hands.activate(steps.member(me, "Farid Haddad").getByRole("link", { name: "Farid Haddad", exact: true }));
    const card = me.page.getByRole("region", { name: "Credits", exact: true });
    await me.hands.choose(card.getByLabel("Credit pool"), "Field trial (Standard)");
    await me.hands.activate(card.getByRole("button", { name: "Save pool" }));
    await expect(card).toContainText("Field trial");
  });

  await test.step("wallets", async () => {
    await me.page.goto(`${organization}/credits`);
    await me.hands.activate(me.page.getByRole("link", { name: /^Personal wallets/ }));
    await me.hands.check(me.page.getByRole("checkbox", { name: /^Wallets pay/ }));
    await me.hands.activate(me.page.getByRole("button", { name: "Save" }));
    await expect(me.page.getByRole("link", { name: "Personal wallets: on" })).toBeVisible();
    await me.page.goto(`${organization}/members?q=Wei-Lin`);
    await me.hands.activate(steps.member(me, "Wei-Lin Chen").getByRole("link", { name: "Wei-Lin Chen", exact: true }));
    await me.hands.activate(me.page.getByRole("region", { name: "Credits", exact: true }).getByRole("link", { name: "Statement" }));
    const form = me.page.getByRole("form", { name: "Top up" });
    await me.hands.fill(form.getByLabel(/^Amount/), "20");
    await me.hands.activate(form.getByRole("button", { name: "Top up" }));
    await expect(me.page.getByRole("region", { name: "Wallet", exact: true })).toContainText("20 credits");
  });

  const wei = await person();
  await signIn(wei, accounts.all.find((one) => one.email.startsWith("weilin.chen")));
  await wei.page.goto(`${organization}/usage/mine`);
  await expect(wei.page.getByRole("region", { name: "My wallet" })).toContainText("20 credits put in");
});
