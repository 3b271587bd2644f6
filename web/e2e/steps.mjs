// SPDX-License-Identifier: Apache-2.0

// Drives the built page in a real browser, one step after the other, against a running controller.
//
//   AEOLUS_URL=http://127.0.0.1:7777/?token=... AEOLUS_OUT=/tmp/pictures node e2e/steps.mjs map=8 search=payment pause=refuse anomaly=payment
//
// Each step prints one JSON line {step, ok, detail, milliseconds}. The step pause=NAME prints {waiting: NAME} and goes on when a
// line "go" comes in, so that whoever started it can switch a fault in between. The first step that fails ends it with exit status 1.
//
// AEOLUS_URL     address with its token, as `aeolus up` prints it
// AEOLUS_OUT     directory for pictures; made if it is not there
// AEOLUS_WAIT    milliseconds that a step may take; 30000 unless given
// AEOLUS_SCALE   pixels of a picture to one of the page; 1 unless given
// CHROMIUM       the browser; /usr/bin/chromium unless given

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const address = process.env.AEOLUS_URL;
const out = process.env.AEOLUS_OUT ?? '.';
const patience = Number(process.env.AEOLUS_WAIT ?? 30_000);
const WIDTHS = [[1440, 900], [1024, 768], [390, 844]];
const THEMES = ['light', 'dark'];

const STEPS = {
  /** map[=N]: the page draws at least N workloads. */
  async map(page, least = '1') {
    await page.goto(address);
    await page.waitForFunction((wanted) => document.querySelectorAll('.card').length >= wanted, Number(least));
    await page.evaluate(() => (window.sameDocument = true));
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    const [cards, edges] = await page.evaluate(() => ['.card', '.mark'].map((name) => document.querySelectorAll(name).length));
    return { workloads: cards, edges, firstPaintMilliseconds: Math.round(paint ?? -1) };
  },

  /** visit=PATH: goes to another view of the page. */
  async visit(page, place = '/') {
    await page.goto(new URL(place, address).href);
    await page.waitForSelector('.frame');
  },

  /** quiet: the list says that all is quiet. */
  async quiet(page) {
    await page.waitForSelector('[data-testid="all-quiet"]');
    return (await page.textContent('[data-testid="all-quiet"]')) ?? '';
  },

  /** search=TEXT: types, takes the first that is found, and its detail opens. */
  async search(page, text) {
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type(text, { delay: 20 });
    await page.waitForSelector('[role="option"]');
    const found = await page.locator('[role="option"]').allInnerTexts();
    await page.keyboard.press('Enter');
    await page.waitForSelector('.drawer h1');
    const title = await page.innerText('.drawer h1');
    if (!title.includes(text)) throw new Error(`the search for ${text} opened ${title}`);
    return { found: found.length, opened: title };
  },

  /** edge=CLIENT>SERVER: clicks the edge on the map; its sentence, figures and at least one chart appear. */
  async edge(page, name) {
    const [client, server] = name.split('>');
    await page.keyboard.press('Escape');
    const mark = page.locator(`.mark[aria-label^="${client} to ${server}:"]`).first();
    await mark.waitFor({ state: 'attached' });
    await page.waitForTimeout(400);
    // The click goes to the canvas under the mark, as a person's does.
    const box = await mark.boundingBox();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForSelector('.drawer .lead');
    await page.waitForSelector('.drawer .chart canvas');
    const title = await page.innerText('.drawer h1');
    if (!title.includes(client) || !title.includes(server)) throw new Error(`a click on ${name} opened ${title}`);
    return { title, sentence: await page.innerText('.drawer .lead'), charts: await page.locator('.drawer .chart').count() };
  },

  /** close: Esc closes the drawer. */
  async close(page) {
    await page.keyboard.press('Escape');
    await page.waitForSelector('.drawer', { state: 'detached' });
  },

  /** keys: arrows move along an edge, Enter opens it, Esc closes it. */
  async keys(page) {
    await page.keyboard.press('Escape');
    await page.locator('.card[tabindex="0"], .mark[tabindex="0"]').first().focus();
    const first = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    let second = first;
    for (const key of ['ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowUp']) {
      await page.keyboard.press(key);
      second = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
      if (second !== first) break;
    }
    if (second === first) throw new Error(`no arrow leads away from ${first}`);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.drawer h1');
    await page.keyboard.press('Escape');
    await page.waitForSelector('.drawer', { state: 'detached' });
    return { from: first, to: second };
  },

  /** anomaly=PATTERN: an open anomaly whose sentence matches appears without a reload. */
  async anomaly(page, pattern) {
    const found = page.locator('.case:not(.over)').filter({ hasText: new RegExp(pattern) }).first();
    await found.waitFor({ state: 'attached' });
    await same(page);
    return await found.innerText();
  },

  /** ended=PATTERN: that anomaly is no longer open and stands among those that ended. */
  async ended(page, pattern) {
    const text = new RegExp(pattern);
    await page.locator('.case.over').filter({ hasText: text }).first().waitFor({ state: 'attached' });
    await page.locator('.case:not(.over)').filter({ hasText: text }).first().waitFor({ state: 'detached' });
    await same(page);
  },

  /** past=TEXT: types a moment such as -20s into the time bar; the page shows it, and its address says so. */
  async past(page, text) {
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.timebar[data-past="true"]');
    await page.waitForFunction(() => new URLSearchParams(location.search).has('at'));
    await page.waitForFunction(() => document.querySelectorAll('.card, tbody tr').length > 0 || document.querySelector('.notice') !== null);
    return { at: await page.evaluate(() => new Date(Number(new URLSearchParams(location.search).get('at'))).toISOString()), shown: await page.locator('.card, tbody tr').count() };
  },

  /** drag=SHARE: drags the time bar's head to a share of it. */
  async drag(page, share) {
    const box = await page.locator('.track').boundingBox();
    const y = box.y + 14;
    await page.mouse.move(box.x + box.width - 2, y);
    await page.mouse.down();
    for (const part of [0.75, 0.5, 0.25, 0]) await page.mouse.move(box.x + box.width * (Number(share) + (1 - Number(share)) * part), y);
    await page.mouse.up();
    await page.waitForSelector('.timebar[data-past="true"]');
    return { says: await page.getAttribute('.track', 'aria-valuetext') };
  },

  /** zoom=SECONDS: the time bar shows so much time. */
  async zoom(page, length) {
    await page.locator('.zooms button').nth([900, 3600, 21600, 86400, 604800].indexOf(Number(length))).click();
    await page.waitForFunction((wanted) => (new URLSearchParams(location.search).get('zoom') ?? '900') === wanted, length);
  },

  /** earlier: an arrow moves the moment that is looked at back. */
  async earlier(page) {
    const before = await page.getAttribute('.track', 'aria-valuenow');
    await page.locator('.track').focus();
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction((known) => Number(document.querySelector('.track')?.getAttribute('aria-valuenow')) < Number(known), before);
  },

  /** live: the button leads back to now. */
  async live(page) {
    await page.click('.go-live');
    await page.waitForSelector('.timebar[data-past="false"]');
    await same(page);
  },

  /** was=PATTERN: at the moment that is looked at, this was wrong. */
  async was(page, pattern) {
    await page.locator('.case:not(.over)').filter({ hasText: new RegExp(pattern) }).first().waitFor({ state: 'attached' });
    return await page.innerText('.wrong h2');
  },

  /** picture=NAME: the page as it is. */
  async picture(page, name) {
    await page.waitForTimeout(600);
    const file = path.join(out, `${name}.png`);
    await page.screenshot({ path: file });
    return file;
  },

  /** pictures=NAME: the page as it is in both themes and three widths. */
  async pictures(page, name) {
    const before = page.viewportSize();
    const files = [];
    for (const [width, height] of WIDTHS) {
      for (const theme of THEMES) {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme: theme });
        await page.waitForTimeout(700);
        files.push(path.join(out, `${name}-${theme}-${width}.png`));
        await page.screenshot({ path: files.at(-1) });
      }
    }
    await page.setViewportSize(before);
    await page.emulateMedia({ colorScheme: 'dark' });
    return files;
  },

  /** clean: nothing was written to the console as an error, and the content policy refused nothing. */
  async clean(_page, _argument, problems) {
    if (problems.length > 0) throw new Error(problems.slice(0, 5).join('; '));
  },
};

async function same(page) {
  if (!(await page.evaluate(() => window.sameDocument === true))) throw new Error('the page was loaded again');
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function main() {
  const steps = process.argv.slice(2);
  const unknown = steps.filter((step) => step.split('=')[0] !== 'pause' && !Object.hasOwn(STEPS, step.split('=')[0]));
  if (address === undefined || steps.length === 0 || unknown.length > 0) {
    process.stderr.write(`usage: AEOLUS_URL=... node e2e/steps.mjs STEP...\nsteps: pause=NAME ${Object.keys(STEPS).join(' ')}\n${unknown.length > 0 ? `not a step: ${unknown.join(' ')}\n` : ''}`);
    return 2;
  }
  mkdirSync(out, { recursive: true });
  const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    env: { ...process.env, FONTCONFIG_FILE: path.join(here, 'fonts.conf') },
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark', deviceScaleFactor: Number(process.env.AEOLUS_SCALE ?? 1) });
    page.setDefaultTimeout(patience);
    const problems = [];
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    for (const step of steps) {
      const [name, ...rest] = step.split('=');
      const argument = rest.length > 0 ? rest.join('=') : undefined;
      if (name === 'pause') {
        say({ waiting: argument ?? '' });
        const { done } = await input.next();
        if (done) throw new Error('standard input ended while waiting');
        continue;
      }
      const started = Date.now();
      try {
        const detail = await STEPS[name](page, argument, problems);
        say({ step, ok: true, detail: detail ?? null, milliseconds: Date.now() - started });
      } catch (error) {
        say({ step, ok: false, detail: String(error.message ?? error), milliseconds: Date.now() - started });
        await page.screenshot({ path: path.join(out, 'failed.png') });
        return 1;
      }
    }
    return 0;
  } finally {
    await browser.close();
  }
}

process.exit(await main());
