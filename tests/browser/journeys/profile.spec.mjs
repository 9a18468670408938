// The own page, the bell, getting started and the policies: what a person sets for oneself, is told, and finds out.
import { deflateSync, crc32 } from "node:zlib";
import { expect, steps, test } from "../lib/test.mjs";


/** A PNG of one colour. */
function png(width, height) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, 0x55)]);
  const rows = Buffer.concat(Array(height).fill(line));
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

async function administrator({ me, accounts, signIn }) {
  const account = accounts.with("Org Admin");
  await signIn(me, account);
  await steps.manageOrganization(me, account);
  return account;
}

const main = ({ page }) => page.getByRole("main");

test("a profile with a picture, shown wherever its person is (R-PRO-01, 02, 03)", async ({ me, accounts, signIn }) => {
  const account = await administrator({ me, accounts, signIn });
  await steps.openTab(me, "Members");
  const members = me.page.url();
  await steps.fromUserMenu(me, account.name, "Your profile");

  await test.step("a file that is no picture is refused in words", async () => {
    const field = main(me).getByLabel("Choose a picture");
    await field.setInputFiles({ name: "me.png", mimeType: "image/png", buffer: Buffer.from("<svg/>") });
    await me.hands.activate(main(me).getByRole("button", { name: "Upload picture" }));
    await expect(main(me)).toContainText("PNG, JPEG, WebP or GIF");
  });

  await test.step("a picture takes the place of the initials", async () => {
    const field = main(me).getByLabel("Choose a picture");
    await field.setInputFiles({ name: "me.png", mimeType: "image/png", buffer: png(320, 200) });
    await me.hands.activate(main(me).getByRole("button", { name: "Upload picture" }));
    await expect(me.page.getByRole("status").filter({ hasText: "Your picture was saved." }).first()).toBeVisible();
    const face = steps.ownName(me, account.name).locator("img");
    await expect(face).toHaveJSProperty("naturalWidth", 256);
    await me.page.goto(members);
    await expect(steps.member(me, account.name).locator("img.avatar")).toHaveCount(1);
  });

  await test.step("phone and zone", async () => {
    await steps.fromUserMenu(me, account.name, "Your profile");
    await me.hands.fill(main(me).getByLabel("Phone"), "+49 30 901820");
    await me.hands.activate(main(me).getByRole("button", { name: "Save profile" }));
    await expect(main(me).getByLabel("Phone")).toHaveValue("+49 30 901820");
    await me.hands.choose(main(me).getByLabel("Density"), "Compact");
    await me.hands.choose(main(me).getByLabel("Time zone"), "Asia/Tokyo");
    await me.hands.activate(main(me).getByRole("button", { name: "Save display" }));
    await expect(me.page.locator("html")).toHaveClass("compact");
    await me.page.goto(members);
    await expect(me.page.getByRole("contentinfo")).toContainText("Times are in Asia/Tokyo, your own zone.");
  });

  await test.step("and away again", async () => {
    await steps.fromUserMenu(me, account.name, "Your profile");
    await me.hands.activate(main(me).getByRole("button", { name: "Remove picture" }));
    await expect(steps.ownName(me, account.name).locator("img")).toHaveCount(0);
  });
});

test("a role change appears behind the bell and is read (R-PRO-04)", async ({ me, person, accounts, mailTo, signIn }) => {
  await administrator({ me, accounts, signIn });
  const ada = await steps.addMember({ admin: me, person, mailTo, name: "Ada Zuse" });
  const bell = (who) => who.page.getByRole("banner").getByRole("link", { name: /^Notifications/ });
  await expect(bell(me)).toHaveAccessibleName(/unread/); // she joined by this person's invitation
  await expect(bell(ada)).toHaveAccessibleName("Notifications");
  await steps.act(me, "Ada Zuse", "Make Org Admin");

  await ada.page.reload();
  await expect(bell(ada)).toHaveAccessibleName("Notifications, 1 unread");
  await ada.hands.activate(bell(ada));
  const news = main(ada).getByRole("button", { name: /^Unread: Your role in .* is Org Admin now\./ });
  await ada.hands.activate(news);
  await expect(ada.page).toHaveURL(/\/members$/);
  await expect(bell(ada)).toHaveAccessibleName("Notifications");

  await test.step("what one wants to be told", async () => {
    await ada.hands.activate(bell(ada));
    await ada.hands.activate(main(ada).getByRole("link", { name: "Notification settings" }));
    const mail = main(ada).getByRole("checkbox", { name: "Someone joined by your invitation: by mail" });
    await ada.hands.check(mail);
    await ada.hands.activate(main(ada).getByRole("button", { name: "Save notification settings" }));
    await expect(mail).toBeChecked();
    await expect(main(ada).getByRole("checkbox", { name: "Your password was changed: by mail" })).toBeDisabled();
  });
});

test("steps tick themselves, and policies say where each rule comes from (R-HLP-03, R-ORG-01)", async ({
  me,
  portal,
  accounts,
  signIn,
}) => {
  await administrator({ me, accounts, signIn });
  const organization = `${portal.url}/o/${steps.slug(me)}`;
  await me.page.goto(`${organization}/members`);
  const card = me.page.getByRole("region", { name: "Getting started" });
  await expect(card).toContainText("Set policies, to do");

  await test.step("saving a rule ticks its step", async () => {
    await me.hands.activate(card.getByRole("link", { name: "Settings: Set policies" }));
    const form = me.page.getByRole("form", { name: "Invitations" });
    await me.hands.choose(form.getByLabel("Links expire after"), "3 days");
    await me.hands.activate(form.getByRole("button", { name: "Save invitations" }));
    await expect(me.page.getByRole("status").filter({ hasText: "Invitation rules" }).first()).toBeVisible();
    await me.page.goto(`${organization}/getting-started`);
    await expect(main(me)).toContainText("Set policies, done");
  });

  await test.step("policies name value, default and source", async () => {
    await me.page.goto(`${organization}/settings`);
    await me.hands.activate(main(me).getByRole("link", { name: "Policies" }));
    const row = me.page.getByRole("row", { name: /^Invitation links expire after/ });
    await expect(row).toContainText("3 days");
    await expect(row).toContainText("Changed");
    await me.hands.activate(row.getByRole("link", { name: /^Change/ }));
    await expect(me.page).toHaveURL(/\/settings#invitations$/);
  });

  await test.step("put away, and help", async () => {
    await me.page.goto(`${organization}/members`);
    await me.hands.activate(card.getByRole("button", { name: "Put away" }));
    await expect(card).toHaveCount(0);
    await me.hands.activate(me.page.getByRole("banner").getByRole("link", { name: "Help" }));
    await expect(me.page.getByRole("heading", { level: 1, name: "Help" })).toBeVisible();
    await me.hands.activate(main(me).getByRole("link", { name: "Getting started" }));
    await me.hands.activate(main(me).getByRole("button", { name: "Show it on Members" }));
    await expect(card).toBeVisible();
  });
});
