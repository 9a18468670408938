// The first start: an empty folder, a one-time link, and an enterprise with its first administrator.
import { expect, steps, test } from "../lib/test.mjs";

const answers = [
  [/password/i, steps.goodPassword],
  [/support/i, "support@halden.example"],
  [/enterprise/i, "Halden Group"],
  [/organization/i, "Halden Robotics"],
  [/e-?mail/i, "priya.raman@halden.example"],
  [/name/i, "Priya Raman"],
];

test("the one-time link creates the enterprise, its administrator and the first organization", async ({
  me,
  person,
  fresh,
}) => {
  const link = await fresh.setupLink();
  expect(link.startsWith(`${fresh.url}/setup/`)).toBe(true);
  await me.page.goto(link);
  await expect(me.page.getByRole("heading", { level: 1 })).toBeVisible();
  await steps.fillByLabels(me, answers);
  await me.hands.activate(me.page.getByRole("main").getByRole("button").last());
  if (/\/sign-in/.test(me.page.url())) await steps.fillSignIn(me, answers[4][1], steps.goodPassword);
  await steps.expectSignedIn(me, "Priya Raman");
  await steps.fromUserMenu(me, "Priya Raman", "Manage Organization");
  await expect(me.page.getByRole("banner")).toContainText("Halden Robotics");

  const late = await person();
  await late.page.goto(link);
  await expect(late.page.locator("main input[type=password]")).toHaveCount(0);
  await late.page.goto(`${fresh.url}/setup/not-a-real-link`);
  await expect(late.page.locator("main input[type=password]")).toHaveCount(0);
});

test("before the set-up, the front door says what to do", async ({ me, fresh }) => {
  await me.page.goto(fresh.url);
  await expect(me.page.getByRole("main")).toContainText(/set.?up/i);
});
