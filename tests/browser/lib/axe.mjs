// axe over the page as it stands: WCAG 2.2 A and AA and the best practices, in both themes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect } from "@playwright/test";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];

// What the other theme can change: no rule but these looks at colours. MUSTER_LONG=1 asks every rule in both themes.
const colours = ["color-contrast", "link-in-text-block"];

/** What axe has against the page as it stands now; with `rules`, what those rules have. */
export async function violations(page, without = [], rules = null) {
  await page.evaluate(source);
  const runOnly = rules ? { type: "rule", values: rules } : { type: "tag", values: tags };
  const found = await page.evaluate(
    ([runOnly, exclude]) => globalThis.axe.run({ include: [document], exclude }, { runOnly, resultTypes: ["violations"] }),
    [runOnly, without.map((selector) => [selector])],
  );
  if (found.passes.length === 0) throw new Error("axe found nothing to check on this page.");
  return found.violations.map((rule) => ({
    rule: rule.id,
    help: rule.help,
    where: rule.nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary.replaceAll("\n", " ")}`),
  }));
}

/**
 * Asserts that axe finds nothing on the page, neither in the light nor in the dark theme, in each of `widths` (none: as wide as it is).
 * `without` names what is looked at elsewhere; `atEnd` looks at the end of the page.
 */
export async function axe(page, name = new URL(page.url()).pathname, { without = [], widths = [], atEnd = false } = {}) {
  const before = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // A colour that is still changing is no finding: the theme has come, has been drawn, and nothing moves any more.
    await page.waitForFunction((scheme) => matchMedia(`(prefers-color-scheme: ${scheme})`).matches, colorScheme);
    await page.waitForTimeout(700);
    const rules = colorScheme === "dark" && !process.env.MUSTER_LONG ? colours : null;
    for (const width of widths.length ? widths : [before.width]) {
      await page.setViewportSize({ width, height: before.height });
      if (atEnd) await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
      await page.waitForFunction(() => document.getAnimations().every((one) => !(one instanceof CSSTransition) || one.playState !== "running"));
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      expect.soft(await violations(page, without, rules), `axe on ${name} at ${width}, ${colorScheme}`).toEqual([]);
    }
  }
  await page.setViewportSize(before);
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
