// axe over the page as it stands: WCAG 2.2 A and AA and the best practices, in both themes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect } from "@playwright/test";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];

/** What axe has against the page as it stands now. */
export async function violations(page) {
  await page.evaluate(source);
  const found = await page.evaluate(
    (tags) => globalThis.axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] }),
    tags,
  );
  if (found.passes.length === 0) throw new Error("axe found nothing to check on this page.");
  return found.violations.map((rule) => ({
    rule: rule.id,
    help: rule.help,
    where: rule.nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary.replaceAll("\n", " ")}`),
  }));
}

/** Asserts that axe finds nothing on the page, neither in the light nor in the dark theme. */
export async function axe(page, name = new URL(page.url()).pathname) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.waitForTimeout(700); // a colour that is still changing is no finding
    expect.soft(await violations(page), `axe on ${name}, ${colorScheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: "reduce" });
}

/** Asserts that the page doesn't scroll sideways at this width. */
export async function fitsInto(page, width, name = new URL(page.url()).pathname) {
  const before = page.viewportSize();
  await page.setViewportSize({ width, height: before.height });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect.soft(wide, `${name} at ${width} px`).toBeLessThanOrEqual(width);
  await page.setViewportSize(before);
}
