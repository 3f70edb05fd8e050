// Pictures of every screen at three widths in both themes, into a temporary directory, for a person to look at:
//   node test/shots.ts [part of a screen's name] [width] [theme]
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, SCREENS, SIZES, still } from './browser.ts';
import { serveFixture } from './fixture-server.ts';

const [wanted = '', size = '', theme = ''] = process.argv.slice(2);
const out = join(tmpdir(), 'confab-shots');
mkdirSync(out, { recursive: true });

const site = await serveFixture();
const browser = await launch();
try {
  for (const colorScheme of ['light', 'dark'] as const) {
    if (!colorScheme.includes(theme)) continue;
    for (const [width, viewport] of Object.entries(SIZES)) {
      if (!width.includes(size)) continue;
      const context = await browser.newContext({
        viewport,
        colorScheme,
        reducedMotion: 'reduce',
        locale: 'en-GB',
        ...(width === 'desktop' ? {} : { hasTouch: true, isMobile: true }),
      });
      const page = await context.newPage();
      page.on('console', (line) => line.type() === 'error' && console.log(`! ${line.text()}`));
      page.on('pageerror', (error) => console.log(`! ${error.message}`));
      for (const [name, query, hash] of SCREENS) {
        if (!new RegExp(`^(?:${wanted || '.*'})$`).test(name)) continue;
        await page.goto('about:blank');
        await page.goto(`${site.url}?${query}${hash}`);
        await page.waitForSelector('.app, .signin');
        await still(page);
        await page.screenshot({ path: join(out, `${width}-${name}-${colorScheme}.png`) });
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
  await site.close();
}
console.log(out);
