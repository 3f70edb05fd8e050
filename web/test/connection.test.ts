import { describe, expect, it, vi } from 'vitest';
import { Client } from '../src/xmpp/client';
import type { ConnectionOptions, OnlineInfo } from '../src/xmpp/connection';
import { StanzaError, StreamError } from '../src/xmpp/errors';
import type { IncomingMessage } from '../src/xmpp/mod/message';
import { textMessage } from '../src/xmpp/mod/message';
import { fetchRoster, onRosterPush } from '../src/xmpp/mod/roster';
import { NS } from '../src/xmpp/ns';
import type { SmSaved } from '../src/xmpp/sm';
import { Stream } from '../src/xmpp/stream';
import { parse, write, x } from '../src/xmpp/xml';
import { turns, until } from './fake-env';
import { FakeServer, type ServerOptions } from './fake-server';

function setUp(options: ServerOptions = {}, more: Partial<ConnectionOptions> = {}) {
  const server = new FakeServer(options);
  const address = server.addAccount('mia');
  server.addAccount('ben');
  let saved: SmSaved | undefined;
  const client = new Client(address, {
    address,
    credentials: { password: 'secret' },
    userAgent: { id: 'd4565fa7-4d72-4749-b3d3-740edbf87770', software: 'Confab', device: 'Test' },
    openSocket: server.open,
    url: async () => 'ws://localhost/xmpp',
    save: async (sm) => {
      saved = sm;
    },
    random: () => 0,
    ...more,
  });
  const online: OnlineInfo[] = [];
  const acked: string[] = [];
  const got: IncomingMessage[] = [];
  client.connection.on('online', (info) => online.push(info));
  client.connection.on('acked', (ids) => acked.push(...ids));
  client.onMessage = (m) => {
    got.push(m);
    return undefined;
  };
  const start = async () => {
    client.connection.start();
    await until(() => client.online || client.connection.state.name === 'ended', 'online');
  };
  const text = (id: string) =>
    client.send(textMessage({ to: `ben@${server.domain}`, id, body: id, ask: true, chatState: true }), true);
  return { server, client, online, acked, got, start, text, saved: () => saved };
}

describe('signing in', () => {
  it('with SASL2, Bind 2 and stream management takes one exchange', async () => {
    const { server, client, online, start } = setUp({ carbons: true });
    await start();
    expect(online).toEqual([{ jid: client.connection.jid, resumed: false, restored: false, carbons: true }]);
    expect(server.received.map((f) => parse(f).name)).toEqual(['open', 'authenticate', 'response']);
    const authenticate = parse(server.received[1]!);
    expect(authenticate.child('user-agent')?.attr('id')).toBe('d4565fa7-4d72-4749-b3d3-740edbf87770');
    expect(authenticate.child('bind', NS.bind2)?.child('enable', NS.sm)?.attr('max')).toBe('90');
  });

  it.each([
    ['SASL2 without inline features', { inline: false }],
    ['RFC 6120 SASL', { sasl2: false }],
    ['RFC 6120 SASL without stream management', { sasl2: false, sm: false }],
    ['SCRAM-SHA-1 only', { mechanisms: ['PLAIN', 'SCRAM-SHA-1'] }],
  ])('falls back: %s', async (_, options) => {
    const { server, client, start, text, acked } = setUp(options);
    await start();
    const enable = server.received.map((f) => parse(f)).find((el) => el.is('enable', NS.sm));
    if (enable) expect(enable.attr('max')).toBe('90');
    expect(client.connection.jid).toMatch(/^mia@example\.org\/./);
    text('m1');
    await until(() => acked.length > 0, 'acknowledged');
    expect(acked).toEqual(['m1']);
  });

  it('tells a wrong password from a missing way to sign in', async () => {
    const wrong = setUp({}, { credentials: { password: 'nope' } });
    await wrong.start();
    expect(wrong.client.connection.state).toMatchObject({ name: 'ended', reason: { condition: 'not-authorized' } });
    const plain = setUp({ mechanisms: ['PLAIN'] });
    await plain.start();
    expect(plain.client.connection.state).toMatchObject({ name: 'ended', reason: { condition: 'no-mechanism' } });
    const old = setUp({ sasl2: false }, { credentials: { password: 'nope' } });
    await old.start();
    expect(old.client.connection.state).toMatchObject({ name: 'ended', reason: { condition: 'not-authorized' } });
  });
});

describe('framing', () => {
  async function bound() {
    const s = setUp();
    await s.start();
    const socket = [...s.server.sockets][0]!;
    return { ...s, socket };
  }

  it.each([
    ['binary', new ArrayBuffer(4)],
    ['two elements', '<a/><b/>'],
    ['not XML', 'hello'],
  ])('drops the connection on a bad frame: %s', async (_, frame) => {
    const { client, socket } = await bound();
    socket.pushRaw(frame);
    expect(client.connection.state.name).toBe('waiting');
  });

  it('needs the subprotocol', async () => {
    const server = new FakeServer();
    const open = (url: string) => Object.assign(server.open(url), { protocol: '' });
    await expect(Stream.open(open, 'ws://x', 'example.org')).rejects.toThrow('not an XMPP WebSocket');
  });

  it('answers <close/> and says it in order when it leaves', async () => {
    const { client, socket, server } = await bound();
    socket.pushRaw(write(x('close', { xmlns: NS.framing })));
    expect(server.received.at(-1)).toBe(write(x('close', { xmlns: NS.framing })));
    expect(client.connection.state).toMatchObject({ name: 'waiting', reason: { condition: 'closed' } });
    const two = await bound();
    await two.client.connection.stop();
    expect(two.server.received.at(-1)).toBe(write(x('close', { xmlns: NS.framing })));
    expect(two.saved()).toBeUndefined();
  });

  it('counts for a reload what came in, though the server has not asked', async () => {
    const { socket, saved, server, got } = await bound();
    expect(saved()).toMatchObject({ h: 0 });
    const from = `ben@${server.domain}/there`;
    socket.pushRaw(write(x('message', { xmlns: NS.client, from, type: 'chat', id: 'm1' }, x('body', {}, 'hello'))));
    await until(() => saved()?.h === 1, 'the count');
    expect(got).toHaveLength(1);
  });

  it('declares a namespace on every frame', async () => {
    const { server, text } = await bound();
    text('m1');
    for (const frame of server.received) expect(parse(frame).ns).not.toBe('');
  });

  it('says who answered when the domain is another', async () => {
    const server = new FakeServer({ domain: 'real.example' });
    await expect(Stream.open(server.open, 'ws://x', '127.0.0.1')).rejects.toMatchObject({
      condition: 'host-unknown',
      from: 'real.example',
    });
  });

  it('ends for good on conflict, and not on a restart of the server', async () => {
    const one = await bound();
    const error = (c: string) => write(x('error', { xmlns: NS.streams }, x(c, { xmlns: NS.streamErrors })));
    one.socket.pushRaw(error('conflict'));
    expect(one.client.connection.state.name).toBe('ended');
    const two = await bound();
    two.socket.pushRaw(error('system-shutdown'));
    expect(two.client.connection.state).toMatchObject({ name: 'waiting', reason: expect.any(StreamError) });
    expect(two.client.connection.sm.resumable).toBe(false);
  });
});

describe('a cut', () => {
  it('is resumed; what was not acknowledged goes out again, once, and requests survive', async () => {
    const { server, client, online, acked, start, text } = setUp();
    await start();
    server.holdAcks = true;
    text('m1');
    await until(() => server.accounts.get('ben@example.org')!.archive.length === 1);
    server.deaf = true;
    text('m2');
    const request = client.iq({ type: 'get', payload: x('ping', { xmlns: NS.ping }) });
    server.cut();
    server.deaf = server.holdAcks = false;
    server.sessions[0]!.handled = 1;
    client.connection.reconnectNow();
    await until(() => acked.length === 2, 'both acknowledged');
    expect(acked).toEqual(['m1', 'm2']);
    expect(online[1]).toMatchObject({ resumed: true, restored: false });
    expect(await request).toBeUndefined();
    expect(server.accounts.get('ben@example.org')!.archive.map((a) => a.message.attr('id'))).toEqual(['m1', 'm2']);
  });

  it('while a message is being written counts that message once, though it comes again', async () => {
    const { server, client, online, got, start } = setUp();
    const disk = Promise.withResolvers<void>();
    await start();
    client.onMessage = (m) => {
      got.push(m);
      return disk.promise;
    };
    const say = (id: string) =>
      server.routeMessage(
        'ben@example.org/x',
        textMessage({ to: 'mia@example.org', id, body: id, ask: true, chatState: false }),
      );
    const before = client.connection.sm.h;
    say('w');
    await until(() => got.length === 1, 'the message');
    server.cut();
    client.connection.reconnectNow();
    await until(() => online.length === 2, 'resumed');
    await until(() => got.length === 2, 'the message again');
    expect(online[1]?.resumed).toBe(true);
    disk.resolve();
    await until(() => client.connection.sm.h !== before, 'it counts');
    await turns(10);
    expect(client.connection.sm.h).toBe(before + 1);
  });

  it.each([
    ['inline', {}],
    ['classic after SASL2', { inline: false }],
    ['classic', { sasl2: false }],
  ])('is resumed: %s', async (_, options) => {
    const { server, client, online, got, start } = setUp(options);
    await start();
    const { jid } = client.connection;
    server.cut();
    server.routeMessage(
      'ben@example.org/x',
      textMessage({ to: 'mia@example.org', id: 'w', body: 'while away', ask: true, chatState: false }),
    );
    // Delivered by bare address to a hibernated session: it waits there.
    client.connection.reconnectNow();
    await until(() => online.length === 2);
    await turns(5);
    expect(online[1]?.resumed).toBe(true);
    expect(client.connection.jid).toBe(jid);
    expect(got.map((m) => m.body)).toEqual(['while away']);
  });

  it('with the session gone binds anew and fails what hung on the old one', async () => {
    const { server, client, online, start } = setUp();
    await start();
    server.deaf = true;
    const request = client.iq({ type: 'get', payload: x('ping', { xmlns: NS.ping }) });
    const failed = expect(request).rejects.toThrow('not connected');
    server.restart();
    server.deaf = false;
    client.connection.reconnectNow();
    await until(() => online.length === 2);
    await failed;
    expect(online[1]).toMatchObject({ resumed: false });
    expect(client.connection.sm.queue).toEqual([]);
  });

  it('begins anew when the server claims more than was sent', async () => {
    const { server, client, online, start, text } = setUp();
    await start();
    text('m1');
    await turns(5);
    server.sessions[0]!.handled = 99;
    server.cut();
    client.connection.reconnectNow();
    await until(() => client.connection.state.name === 'waiting' && online.length === 1, 'disagreement');
    client.connection.reconnectNow();
    await until(() => online.length === 2);
    expect(online[1]?.resumed).toBe(false);
  });

  it('is found by silence, and waited out with back-off', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    try {
      const { server, client, start } = setUp();
      await start();
      server.deaf = true;
      vi.advanceTimersByTime(45_000);
      expect(parse(server.received.at(-1)!).is('r', NS.sm)).toBe(true);
      expect(client.online).toBe(true);
      vi.advanceTimersByTime(10_000);
      expect(client.connection.state.name).toBe('waiting');
      server.deaf = false;
      server.down = true;
      const before = server.connections;
      const waits: number[] = [];
      for (let i = 0; i < 8; i++) {
        const state = client.connection.state as { retryAt: number };
        waits.push(state.retryAt - Date.now());
        vi.advanceTimersByTime(state.retryAt - Date.now());
        const seen = server.connections;
        await until(() => server.connections > before + i && client.connection.state.name === 'waiting', 'attempt');
        expect(seen).toBeLessThanOrEqual(server.connections);
      }
      expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('requests', () => {
  it('answers what it knows, to those who may know, and nothing else', async () => {
    const { server, client, start } = setUp();
    await start();
    client.mayKnow = (a) => a === 'ben@example.org';
    const session = server.sessions[0]!;
    const ask = async (from: string | undefined, payload: string) => {
      server.received.length = 0;
      session.deliver(
        parse(`<iq xmlns='jabber:client' type='get' id='q' ${from ? `from='${from}'` : ''}>${payload}</iq>`),
      );
      await until(() => server.received.some((f) => parse(f).attr('id') === 'q'));
      return parse(server.received.find((f) => parse(f).attr('id') === 'q')!);
    };
    const version = `<query xmlns='${NS.version}'/>`;
    expect((await ask('ben@example.org/x', version)).child('query', NS.version)?.child('name')?.text()).toBe('Confab');
    expect((await ask(undefined, `<ping xmlns='${NS.ping}'/>`)).attr('type')).toBe('result');
    expect((await ask('ben@example.org/x', "<what xmlns='urn:x'/>")).attr('type')).toBe('error');
    const stranger = await ask('eve@example.org/x', version);
    expect(StanzaError.from(stranger).condition).toBe('service-unavailable');
    const disco = await ask('ben@example.org/x', `<query xmlns='${NS.discoInfo}'/>`);
    expect(disco.child('query', NS.discoInfo)?.elements('feature').length).toBeGreaterThan(5);
  });

  it('believes only the one that was asked', async () => {
    const { server, client, start } = setUp();
    await start();
    server.deaf = true;
    const answer = client.iq({ type: 'get', to: 'ben@example.org', payload: x('ping', { xmlns: NS.ping }) });
    const id = parse(server.received.at(-1)!).attr('id');
    const deliver = (from: string) =>
      server.sessions[0]!.deliver(
        parse(`<iq xmlns='jabber:client' type='result' id='${id}' from='${from}'><x xmlns='u' from='${from}'/></iq>`),
      );
    deliver('eve@example.org');
    await turns(5);
    deliver('ben@example.org');
    expect((await answer)?.attr('from')).toBe('ben@example.org');
  });

  it('takes roster pushes from its own account only', async () => {
    const { server, client, start } = setUp();
    const pushed: string[] = [];
    onRosterPush(client, 'mia@example.org', (item) => pushed.push(item.address));
    await start();
    const push = (from: string, jid: string) =>
      server.sessions[0]!.deliver(
        parse(
          `<iq xmlns='jabber:client' type='set' id='p' ${from}><query xmlns='${NS.roster}'><item jid='${jid}' subscription='both'/></query></iq>`,
        ),
      );
    push("from='eve@example.org/x'", 'evil@example.org');
    push('', 'ok@example.org');
    push("from='mia@example.org'", 'too@example.org');
    await turns(5);
    expect(pushed).toEqual(['ok@example.org', 'too@example.org']);
  });

  it('knows when the list is unchanged', async () => {
    const { server, client, start } = setUp();
    server.befriend('mia@example.org', 'ben@example.org');
    await start();
    const list = await fetchRoster(client, '');
    expect(list?.items).toEqual([{ address: 'ben@example.org', name: '', subscription: 'both', asked: false }]);
    expect(await fetchRoster(client, list!.ver!)).toBeUndefined();
  });

  it('drops forged carbons and unasked archive results', async () => {
    const { server, got, start } = setUp();
    await start();
    const inner =
      "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='ben@example.org/x' to='mia@example.org' type='chat'><body>forged</body></message></forwarded>";
    const session = server.sessions[0]!;
    session.deliver(
      parse(
        `<message xmlns='jabber:client' from='eve@example.org'><received xmlns='${NS.carbons}'>${inner}</received></message>`,
      ),
    );
    session.deliver(
      parse(`<message xmlns='jabber:client'><result xmlns='${NS.mam}' queryid='q9' id='1'>${inner}</result></message>`),
    );
    session.deliver(
      parse(
        `<message xmlns='jabber:client' from='mia@example.org'><received xmlns='${NS.carbons}'>${inner}</received></message>`,
      ),
    );
    await turns(5);
    expect(got.map((m) => [m.via, m.from])).toEqual([['carbon', 'ben@example.org']]);
  });
});
