// For tests of the views in a real browser: the made-up store under the policy of the real server, one browser for a
// whole file, and pages that are closed behind each test. Whatever a page complains about fails the test.
import AxeBuilder from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launch, SIZES, type Size } from './browser.ts';
import { serveFixture } from './fixture-server.ts';
import type { Fixture } from './fixture-store.ts';

declare global {
  interface Window {
    fixture: Fixture;
  }
}

export interface Site {
  readonly url: string;
  /** What pages have complained about; a test that provokes it takes it out. */
  readonly errors: string[];
  /** An empty page in a window of its own. `keep`: not closed behind the test. */
  page(size?: Size, options?: BrowserContextOptions, keep?: boolean): Promise<Page>;
}

/** A site for the tests of this file. */
export function useSite(): Site {
  let server: Awaited<ReturnType<typeof serveFixture>>;
  let browser: Browser;
  const errors: string[] = [];
  const open: Page[] = [];
  beforeAll(async () => {
    server = await serveFixture();
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(async ({ task }) => {
    const failed = task.result?.state === 'fail';
    const seen = failed ? await Promise.all(open.map(lookOf)) : [];
    for (const page of open.splice(0)) await page.context().close();
    // A refused script or style, an exception: every one is a failure, whatever else the test looked at.
    expect(errors.splice(0)).toEqual([]);
    if (failed) throw new Error(`What was to be seen: ${seen.join(' | ')}`);
  });
  return {
    get url() {
      return server.url;
    },
    errors,
    async page(size = 'desktop', options, keep) {
      const mobile = size === 'phone' ? { hasTouch: true, isMobile: true } : {};
      const context = await browser.newContext({
        viewport: SIZES[size],
        reducedMotion: 'reduce',
        locale: 'en-GB',
        ...mobile,
        ...options,
      });
      context.setDefaultTimeout(60_000);
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (line) => line.type() === 'error' && errors.push(line.text()));
      if (!keep) open.push(page);
      return page;
    },
  };
}

/** A page in a few words, for who reads of a failed test and cannot look at it. */
async function lookOf(page: Page): Promise<string> {
  const look = () => {
    const brief = (it: Element | null) => it?.outerHTML.replace(/\s+/g, ' ').slice(0, 160);
    const over = [...document.querySelectorAll('dialog, .menu, .toast, .cbar, .thumb, [data-coming]')].map(brief);
    const last = document.querySelector('.log')?.textContent?.slice(-160);
    return JSON.stringify({ at: location.hash, focus: brief(document.activeElement), over, last });
  };
  return Promise.race([page.evaluate(look), new Promise<string>((done) => setTimeout(done, 5000, 'no answer'))]);
}

/** What axe has to say of the page, or of a part of it once that is there. There are no frames here, so it needs no page of its own. */
export async function audit(page: Page, part?: string): Promise<string[]> {
  const axe = new AxeBuilder({ page }).setLegacyMode(true).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']);
  if (part) await page.locator(part).first().waitFor();
  const { violations } = await (part ? axe.include(part) : axe).analyze();
  return violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html.slice(0, 160)).slice(0, 2)}`);
}
