// Screenshots to look at: light, dark and 390 px wide, written to the folder MUSTER_SHOTS when it is set.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

export async function shots(page, name) {
  const folder = process.env.MUSTER_SHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  const before = page.viewportSize();
  for (const [suffix, colorScheme, width] of [
    ["light", "light", 1440],
    ["dark", "dark", 1440],
    ["390", "light", 390],
  ]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: before.height });
    await page.screenshot({ path: join(folder, `${name}-${suffix}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: "reduce" });
  await page.setViewportSize(before);
}
