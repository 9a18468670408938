// Two ways to operate a page, with the same four verbs: a pointer, and the keyboard alone.
import { expect } from "@playwright/test";

export class Pointer {
  constructor(page) {
    this.page = page;
  }

  async activate(locator) {
    await locator.click();
  }

  async fill(locator, text) {
    await locator.fill(text);
  }

  async choose(select, label) {
    await select.selectOption({ label });
  }

  async check(box) {
    await box.check();
  }
}

/** Tab, Enter, Space, Escape and typing; never a click, never focus set by script. */
export class Keyboard {
  constructor(page) {
    this.page = page;
  }

  /** Presses Tab until the element has the focus, and checks that the focus can be seen there. */
  async reach(locator, limit = 400) {
    await expect(locator).toBeVisible();
    await this.#approach(locator);
    for (let presses = 0; presses <= limit; presses++) {
      const state = await locator.evaluate((element) => {
        if (document.activeElement !== element) return null;
        const style = getComputedStyle(element);
        const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
        const inRing = element.parentElement && getComputedStyle(element.parentElement).outlineStyle !== "none";
        return { visible: element.matches(":focus-visible") && (ring || inRing || style.boxShadow !== "none") };
      });
      if (state) {
        if (!state.visible) throw new Error(`${locator} has the focus, but nothing shows it.`);
        return;
      }
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`${locator} can't be reached with Tab.`);
  }

  /** Presses as often as the way is surely long, forwards or backwards, without looking at each stop; what is guessed wrong, reach mends. */
  async #approach(locator) {
    const way = await locator.evaluate((element) => {
      const within = document.querySelector("dialog:modal") ?? document;
      const stops = [...within.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter(
        (stop) => !stop.disabled && !stop.matches("[type=radio]:not(:checked)") && stop.checkVisibility({ visibilityProperty: true }),
      );
      const from = stops.indexOf(document.activeElement);
      const to = stops.indexOf(element);
      return to < 0 ? 0 : to - from;
    });
    const key = way < 0 ? "Shift+Tab" : "Tab";
    for (let presses = 0; presses < Math.abs(way) - 3; presses++) await this.page.keyboard.press(key);
    // Backwards, a step too many would make it the whole page forwards: the last ones are looked at one by one.
    for (let looks = 0; way < 0 && looks < 8; looks++) {
      if (await locator.evaluate((element) => document.activeElement === element)) return;
      await this.page.keyboard.press(key);
    }
  }

  async activate(locator) {
    await this.reach(locator);
    await this.page.keyboard.press("Enter");
  }

  async fill(locator, text) {
    await this.reach(locator);
    await this.page.keyboard.press("ControlOrMeta+A");
    // A line break in a paste must not press Enter.
    if (!text) await this.page.keyboard.press("Delete");
    else if (text.includes("\n")) await this.page.keyboard.insertText(text);
    else await this.page.keyboard.type(text);
  }

  async choose(select, label) {
    await this.reach(select);
    await this.page.keyboard.type(label);
    await expect(select.locator("option:checked")).toHaveText(label);
  }

  async check(box) {
    await this.reach(box);
    if (!(await box.isChecked())) await this.page.keyboard.press("Space");
    await expect(box).toBeChecked();
  }
}

export const handsFor = (kind, page) => (kind === "keyboard" ? new Keyboard(page) : new Pointer(page));
