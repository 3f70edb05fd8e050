// A person before the app. Everything is found as a person finds it: by the words on the screen or their names for a
// screen reader. Waits are for conditions, never for a time.

import type { BrowserContext, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Link } from './link.ts';

export type Mark = 'sending' | 'sent' | 'delivered' | 'read' | 'failed';

/** What a browser says by itself when a connection breaks: the tests break them on purpose. */
const EXPECTED = /WebSocket connection to|net::ERR_|Failed to load resource/;

export class Person {
  page!: Page;
  name = '';
  jid = '';

  constructor(
    readonly context: BrowserContext,
    readonly link: Link,
    private readonly domain: string,
    private readonly touch: boolean,
    private readonly complaints: string[],
  ) {}

  /** A new tab with the app, which becomes the one that the person uses. */
  async open(hash = ''): Promise<Page> {
    const page = await this.context.newPage();
    page.on('pageerror', (error) => this.complaints.push(`${this.name}: ${error.message}`));
    page.on('console', (line) => {
      if (line.type() === 'error' && !EXPECTED.test(line.text())) this.complaints.push(`${this.name}: ${line.text()}`);
    });
    this.page = page;
    await page.goto(this.link.url + hash);
    await page.locator('.app, .signin').waitFor();
    return page;
  }

  async leave(): Promise<void> {
    await this.context.close();
    await this.link.close();
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: typeof name === 'string' });
  }

  // ---- signing in ----

  async fillSignIn(address: string, password: string): Promise<void> {
    await this.page.getByLabel('Address').fill(address);
    await this.page.getByRole('textbox', { name: 'Password' }).fill(password);
    await this.button('Sign in').click();
  }

  async signIn(name: string, password: string): Promise<void> {
    await this.fillSignIn(name, password);
    await this.signedIn(name);
  }

  async signedIn(name: string): Promise<void> {
    this.name = name;
    this.jid = `${name}@${this.domain}`;
    await this.online();
  }

  async register(name: string, password: string): Promise<void> {
    await this.button('Create an account').click();
    await this.page.getByLabel('Your name on this server').fill(name);
    await this.page.getByRole('textbox', { name: 'Password' }).fill(password);
    await this.button('Create account').click();
    await this.signedIn(name);
  }

  /** The connection stands: the server knows of this session. */
  async online(): Promise<void> {
    await this.page.locator('.app:not(.away)').waitFor();
  }

  // ---- getting about ----

  async go(to: 'Chats' | 'People' | 'Settings'): Promise<void> {
    await this.page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('link', { name: new RegExp(`^${to}`) })
      .click();
  }

  row(name: string): Locator {
    return this.page.locator('.list .row', { hasText: name });
  }

  async chatWith(name: string): Promise<void> {
    await this.row(name).click();
    await this.composer.waitFor();
  }

  async section(title: string): Promise<void> {
    await this.go('Settings');
    await this.page
      .getByRole('navigation', { name: 'Sections of the settings' })
      .getByRole('link', { name: new RegExp(`^${title}`) })
      .click();
  }

  /** In the details beside the chat; when this is over the server knows. */
  async block(name: string, on: boolean): Promise<void> {
    const names = ['Block', 'Unblock'].map((verb) => new RegExp(`^${verb} ${name}`));
    await this.button(names[on ? 0 : 1]!).click();
    await this.button(names[on ? 1 : 0]!).waitFor();
  }

  // ---- the chat ----

  get composer(): Locator {
    return this.page.locator('.composer textarea');
  }

  get log(): Locator {
    return this.page.locator('.log');
  }

  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    // On a touch screen Enter makes a new line.
    if (this.touch) await this.button('Send').click();
    else await this.composer.press('Enter');
  }

  /** Picks files (their contents, or where they lie) and sends them, with a caption if there is one. */
  async sendFiles(
    what: 'Photo or video' | 'File',
    files: string[] | { name: string; mimeType: string; buffer: Buffer }[],
    caption = '',
  ): Promise<void> {
    await this.button('Attach').click();
    const chooser = this.page.waitForEvent('filechooser');
    await this.page.getByRole('menuitem', { name: what }).click();
    await (await chooser).setFiles(files);
    await expect.poll(() => this.page.locator('.thumb').count()).toBe(files.length);
    if (caption) await this.composer.fill(caption);
    await this.button('Send').click();
  }

  message(text: string): Locator {
    return this.page.locator('.msg', { has: this.page.locator('.text', { hasText: text }) });
  }

  /** Chooses from the menu of the last message with these words. */
  async choose(text: string, item: string | RegExp): Promise<void> {
    await this.message(text).last().locator('.text').last().click({ button: 'right' });
    await this.page.getByRole('menuitem', { name: item, exact: typeof item === 'string' }).click();
  }

  async sees(text: string): Promise<void> {
    await this.message(text).last().waitFor();
  }

  /** How far a message of one's own has come. */
  async mark(text: string, mark: Mark): Promise<void> {
    await this.message(text).locator(`.mark-${mark}`).waitFor();
  }

  /** The texts in the log as drawn, oldest first. */
  async texts(): Promise<string[]> {
    return this.page.locator('.msg .text').evaluateAll((all) =>
      all.map((text) =>
        [...text.childNodes]
          .filter((node) => !(node instanceof Element && node.classList.contains('meta')))
          .map((node) => node.textContent)
          .join(''),
      ),
    );
  }

  async titled(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.page.title()).toMatch(pattern);
  }

  async toast(text: string | RegExp): Promise<void> {
    await this.page.locator('.toast', { hasText: text }).first().waitFor();
  }
}
