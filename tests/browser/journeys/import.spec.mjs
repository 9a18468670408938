// People from a file (R-DIR-10, B-05): 10,000 lines of which 40 are broken; the bad ones are skipped and told with their line numbers.
import { readFile, writeFile } from "node:fs/promises";
import { expect, steps, test } from "../lib/test.mjs";

const LINES = 10_000;
const BROKEN = 40;

/** A file with a head, so that person n stands on line n + 1; every 250th is broken, each third of them in another way. */
function people() {
  const lines = ["E-mail;Full name;Role"];
  const broken = [];
  for (let n = 1; n <= LINES; n++) {
    const is = n % (LINES / BROKEN) === 0;
    if (is) broken.push(n + 1);
    if (!is) lines.push(`person${n}@fresh.example;Person ${n};Member`);
    else if (broken.length % 3 === 0) lines.push(`person${n} at fresh.example;Person ${n};Member`);
    else if (broken.length % 3 === 1) lines.push(`person${n}@fresh.example;Person ${n};Emperor`);
    else lines.push(`person${n - 1}@fresh.example;Person ${n};Member`);
  }
  return { text: lines.join("\r\n"), broken };
}

test("import 10,000 lines with 40 broken ones, skip those, read which", async ({ me, accounts, signIn }, info) => {
  test.slow();
  const admin = accounts.with("Org Admin");
  await signIn(me, admin);
  await steps.manageOrganization(me, admin);
  // The demonstration's organization has a few dozen seats; without a limit everybody fits in.
  await steps.openTab(me, "Settings");
  await me.hands.fill(me.page.locator("#seats"), "");
  await me.hands.activate(me.page.getByRole("button", { name: "Save subscription" }));
  await steps.openTab(me, "Members");
  await me.hands.activate(me.page.getByRole("main").getByRole("link", { name: "Import", exact: true }));
  await expect(me.page.getByRole("heading", { level: 1, name: "Import members" })).toBeVisible();

  const { text, broken } = people();
  const path = info.outputPath("people.csv");
  await writeFile(path, text);
  await me.page.getByLabel("File", { exact: true }).setInputFiles(path);
  await me.hands.activate(me.page.getByRole("button", { name: "Continue" }));

  await expect(me.page.getByRole("heading", { level: 1, name: "What the columns hold" })).toBeVisible({ timeout: 30_000 });
  await expect(me.page.getByText("CSV with semicolons, UTF-8, 10,001 lines.")).toBeVisible();
  await expect(me.page.getByLabel("E-mail", { exact: true })).toHaveValue("email");
  const add = me.page.getByRole("radio", { name: /^Add them directly/ });
  if (me.hands.reach) {
    await me.hands.reach(me.page.getByRole("radio", { name: /^Invite them/ }));
    await me.page.keyboard.press("ArrowDown");
  } else await add.check();
  await expect(add).toBeChecked();
  await me.hands.activate(me.page.getByRole("button", { name: "Check all lines" }));

  await settled(me, "9,960 people can be brought in");
  await me.hands.activate(me.page.getByRole("button", { name: "Import 9,960 people" }));
  await settled(me, "9,960 people were added.");

  await me.hands.activate(me.page.getByRole("navigation", { name: "Outcome" }).getByRole("link", { name: /^To mend/ }));
  const lines = me.page.getByRole("table", { name: "What becomes of each line" });
  await expect(lines.locator("tbody tr")).toHaveCount(BROKEN);
  const numbers = await lines.locator("tbody tr td:first-child").allTextContents();
  expect(numbers.map((number) => Number(number.replace(",", "")))).toEqual(broken);
  await expect(lines).toContainText("There is no role “Emperor” to begin with. Write one of");
  await expect(lines).toContainText("Keep one of both lines.");

  const [file] = await Promise.all([
    me.page.waitForEvent("download"),
    me.hands.activate(me.page.getByRole("link", { name: "Lines to mend as CSV" })),
  ]);
  const told = (await readFile(await file.path(), "utf8")).replace(/^\ufeff/, "").trim().split("\r\n");
  expect(told[0]).toBe("Line,What is wrong,E-mail,Full name,Role");
  expect(told.slice(1).map((line) => Number(line.split(",")[0]))).toEqual(broken);
});

/** Waits for a page that goes on by itself, or is loaded again where nothing does that. */
async function settled(me, words) {
  const there = me.page.getByRole("status").getByText(words);
  for (let tries = 0; tries < 120 && !(await there.isVisible()); tries++) {
    const reload = me.page.getByRole("link", { name: "Reload", exact: true });
    if (await reload.isVisible()) await me.page.reload();
    await me.page.waitForTimeout(1_000);
  }
  await expect(there).toBeVisible();
}
