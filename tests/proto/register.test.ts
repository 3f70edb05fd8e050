// In-band registration (XEP-0077) where it is open: new accounts, passwords, the end of an account.

import { describe, expect, test } from 'vitest';
import { type Account, type Client, loginLegacy, NS, negotiate, page, sasl1, useServer, x } from './harness/index.ts';

const stage = useServer({ auth: { registration: 'open' } });

const TRANSPORT = 'tls' as const;
const query = (inner: string) => `<query xmlns='${NS.register}'>${inner}</query>`;
const plain = (name: string, password: string) => x`<username>${name}</username><password>${password}</password>`;
const credentials = (name: string, password: string) => query(plain(name, password));

const DATA = 'jabber:x:data';
const form = (fields: string, type = 'submit') => `<x xmlns='${DATA}' type='${type}'>${fields}</x>`;
const field = (name: string, value: string) => x`<field var='${name}'><value>${value}</value></field>`;
const submitted = (name: string, password: string, { type = 'submit', formType = NS.register as string } = {}) =>
  query(form(field('FORM_TYPE', formType) + field('username', name) + field('password', password), type));

let n = 0;
const freshName = () => `new${process.pid}x${++n}`;

async function visitor(): Promise<Client> {
  const c = await stage.connect('visitor', TRANSPORT);
  await negotiate(c);
  return c;
}

async function register(name = freshName(), password = 'a good password'): Promise<Account> {
  const c = await visitor();
  await c.set(credentials(name, password));
  await c.close();
  return { name, jid: `${name}@${stage.domain}`, password };
}

async function signsIn(account: Account, password = account.password): Promise<boolean> {
  const c = await visitor();
  return (await sasl1(c, account.name, password)).name === 'success';
}

describe('a new account', () => {
  test('is offered in the features', async () => {
    const c = await visitor();
    expect(c.features!.child('register', 'http://jabber.org/features/iq-register')).toBeDefined();
  });

  test('asks for a name and a password', async () => {
    const c = await visitor();
    const q = (await c.get(query(''))).at('query');
    expect(q.child('username')).toBeDefined();
    expect(q.child('password')).toBeDefined();
    expect(q.child('registered')).toBeUndefined();
  });

  // Dino knows only this.
  test('asks for them in a data form too, and takes that', async () => {
    const c = await visitor();
    const form = (await c.get(query(''))).at('query').child('x', DATA)!;
    expect(form.attr('type')).toBe('form');
    const fields = form.elements().filter((e) => e.name === 'field');
    expect(fields.map((f) => [f.attr('var'), f.attr('type'), f.child('required') !== undefined])).toEqual([
      ['FORM_TYPE', 'hidden', false],
      ['username', 'text-single', true],
      ['password', 'text-private', true],
    ]);
    expect(fields[0]!.at('value').text).toBe(NS.register);
    const account = { name: freshName(), jid: '', password: 'a good password' };
    await c.set(submitted(account.name, account.password));
    expect(await signsIn(account)).toBe(true);
  });

  test.each([
    ['is not submitted', (name: string) => submitted(name, 'a good password', { type: 'cancel' })],
    ['is another one', (name: string) => submitted(name, 'a good password', { formType: 'http://example.org/other' })],
    ['says nothing, beside fields that do', (name: string) => query(`${plain(name, 'a good password')}${form('')}`)],
  ])('is not made by a form that %s', async (_what, xml) => {
    const c = await visitor();
    const name = freshName();
    const got = await c.iq('set', xml(name));
    await c.fails(got, 'modify', 'not-acceptable');
    expect(await signsIn({ name, jid: '', password: 'a good password' })).toBe(false);
  });

  test('can sign in, in the same stream too', async () => {
    const c = await visitor();
    const name = freshName();
    const answer = await c.set(credentials(name, 'a good password'));
    expect(answer.elements()).toEqual([]);
    expect((await sasl1(c, name, 'a good password')).name).toBe('success');
    const again = await stage.connect('new', TRANSPORT);
    await loginLegacy(again, { name, jid: '', password: 'a good password' });
  });

  test('survives a crash', async () => {
    const account = await register();
    await stage.server.restart('SIGKILL');
    expect(await signsIn(account)).toBe(true);
  });

  test('is one of a kind: the name is taken, however it is written', async () => {
    const account = await register();
    const c = await visitor();
    for (const name of [account.name, account.name.toUpperCase()]) {
      const got = await c.iq('set', credentials(name, 'another password'));
      await c.fails(got, 'cancel', 'conflict');
    }
    expect(await signsIn(account)).toBe(true);
  });

  test.each([
    'admin',
    'Administrator',
    'root',
    'abuse',
    'postmaster',
    'hostmaster',
    'webmaster',
    'support',
    'xmpp',
    'noreply',
    'ａｄｍｉｎ',
  ])('the name %s is reserved', async (name) => {
    const c = await visitor();
    const got = await c.iq('set', credentials(name, 'a good password'));
    expect(got.attr('type')).toBe('error');
    expect(got.at('error').elements()[0]!.name).toMatch(/not-acceptable|not-allowed|conflict|forbidden|jid-malformed/);
  });

  test.each([
    ['no name', query('<password>p</password>')],
    ['no password', query('<username>someone</username>')],
    ['an empty name', credentials('', 'a good password')],
    ['an empty password', credentials('someone', '')],
    ['a name with an @', credentials('a@b', 'a good password')],
    ['a name with a space', credentials('a b', 'a good password')],
    ['a name with a slash', credentials('a/b', 'a good password')],
    ['a name that is too long', credentials('n'.repeat(1024), 'a good password')],
    ['a password that is too long', credentials('someonelong', 'p'.repeat(10_000))],
  ])('%s is refused', async (_name, xml) => {
    const c = await visitor();
    const got = await c.iq('set', xml);
    expect(got.attr('type')).toBe('error');
    expect(got.at('error').elements()[0]!.name).toMatch(/not-acceptable|bad-request|jid-malformed/);
  });

  test('errors do not repeat the password', async () => {
    const account = await register();
    const c = await visitor();
    const got = await c.iq('set', credentials(account.name, 'do not repeat me'));
    expect(String(got)).not.toContain('do not repeat me');
    expect(stage.server.log).not.toContain('do not repeat me');
  });
});

describe('the password', () => {
  test('can be changed, by the owner only', async () => {
    const account = await register();
    const other = await register();
    const c = await stage.connect('owner', TRANSPORT);
    await loginLegacy(c, account);
    await c.set(credentials(account.name, 'a new password'), stage.domain);
    expect(await signsIn(account)).toBe(false);
    expect(await signsIn(account, 'a new password')).toBe(true);
    await c.iq('set', credentials(other.name, 'stolen'), stage.domain);
    expect(await signsIn(other)).toBe(true);
    expect(await signsIn(other, 'stolen')).toBe(false);
  });

  test('cannot be emptied', async () => {
    const account = await register();
    const c = await stage.connect('owner', TRANSPORT);
    await loginLegacy(c, account);
    expect((await c.iq('set', credentials(account.name, ''), stage.domain)).attr('type')).toBe('error');
    expect(await signsIn(account)).toBe(true);
  });

  test('a signed-in client is told that it is registered', async () => {
    const account = await register();
    const c = await stage.connect('owner', TRANSPORT);
    await loginLegacy(c, account);
    const q = (await c.get(query(''), stage.domain)).at('query');
    expect(q.child('registered')).toBeDefined();
    expect(q.at('username').text).toBe(account.name);
    expect(q.child('password')?.text ?? '').toBe('');
  });
});

describe('the end of an account', () => {
  const remove = query('<remove/>');

  test('is answered before the stream ends, and nobody signs in after it', async () => {
    const account = await register();
    const c = await stage.connect('owner', TRANSPORT);
    await loginLegacy(c, account);
    c.send(`<iq type='set' id='bye' to='${stage.domain}'>${remove}</iq>`);
    await c.receives`<iq type='result' id='bye'/>`;
    await c.expectClosed();
    expect(await signsIn(account)).toBe(false);
  });

  test('ends all its sessions, and friends see it go', async () => {
    const account = await register();
    const friend = await register();
    await stage.befriend(account, friend);
    const watcher = await stage.signIn(friend, { presence: true, roster: true });
    const one = await stage.signIn(account, { resource: 'one', presence: true });
    const two = await stage.signIn(account, { resource: 'two', presence: true });
    await watcher.pick(x`<presence from='${one}'/>`);
    await watcher.pick(x`<presence from='${two}'/>`);
    one.send(`<iq type='set' id='bye'>${remove}</iq>`);
    await one.pick("<iq type='result' id='bye'/>");
    await two
      .pick('<stream:error><not-authorized xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>')
      .catch(() => two.expectClosed());
    await watcher.pick(x`<presence from='${one}' type='unavailable'/>`);
    await watcher.pick(x`<presence from='${two}' type='unavailable'/>`);
    // The subscriptions end with it (XEP-0077 3.2).
    await watcher.pick(x`<presence from='${account.jid}' type='unsubscribed'/>`);
    await watcher.fails(watcher.iq('get', `<query xmlns='${NS.info}'/>`, account.jid), 'cancel', 'service-unavailable');
  });

  test('keeps the name: nobody can become somebody who was', async () => {
    const account = await register();
    const c = await stage.connect('owner', TRANSPORT);
    await loginLegacy(c, account);
    c.send(`<iq type='set' id='bye'>${remove}</iq>`);
    await c.receives`<iq type='result' id='bye'/>`;
    const v = await visitor();
    await v.fails(v.iq('set', credentials(account.name, 'a good password')), 'cancel', 'conflict');
  });

  test('what others have of the conversation stays theirs', async () => {
    const account = await register();
    const other = await stage.signIn(await register(), { presence: true });
    const c = await stage.signIn(account);
    c.sends`<message to='${other}' type='chat' id='m'><body>remember me</body></message>`;
    await other.receives`<message type='chat' id='m'/>`;
    c.send(`<iq type='set' id='bye'>${remove}</iq>`);
    await c.receives`<iq type='result' id='bye'/>`;
    expect((await page(other)).results.length).toBe(1);
  });

  test('<remove/> with anything beside it is a bad request', async () => {
    const account = await register();
    const c = await stage.connect('owner', TRANSPORT);
    await loginLegacy(c, account);
    const got = await c.iq('set', query('<remove/><username>x</username>'));
    expect(got.attr('type')).toBe('error');
    expect(await signsIn(account)).toBe(true);
  });

  test('a visitor cannot remove anybody', async () => {
    const account = await register();
    const c = await visitor();
    const got = await c.iq('set', query(x`<remove/><username>${account.name}</username>`)).catch(() => undefined);
    if (got) expect(got.attr('type')).toBe('error');
    expect(await signsIn(account)).toBe(true);
  });
});

test('a name that was removed cannot be registered by an account of the operator either, unless said so', async () => {
  const account = await register();
  await stage.server.ctl(['user', 'delete', account.jid]);
  expect(await signsIn(account)).toBe(false);
});
