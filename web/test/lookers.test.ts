import { expect, it } from 'vitest';
import { ConfabApp } from '../src/store/app';
import { NS } from '../src/xmpp/ns';
import { parse } from '../src/xmpp/xml';
import { FakeBrowser, type FakeTab, turns, until } from './fake-env';
import { FakeServer, type ServerOptions } from './fake-server';

const setUp = (options: ServerOptions = {}) => {
  const server = new FakeServer({ csi: true, ...options });
  server.addAccount('mia');
  const browser = new FakeBrowser(server);
  const look = (tab: FakeTab, visible: boolean) => {
    tab.visible = visible;
    for (const told of browser.visibility) told();
  };
  const open = async (tab: FakeTab) => {
    const app = new ConfabApp(browser.env(tab));
    await app.started;
    if (!app.session.value) expect(await app.signIn({ address: 'mia', password: 'secret' })).toBeUndefined();
    await until(() => ['online', 'following'].includes(app.session.value?.connection.value.state ?? ''));
    return app;
  };
  const said = () => server.received.map((f) => parse(f)).flatMap((el) => (el.ns === NS.csi ? el.name : []));
  return { server, look, open, said };
};

it.each([{}, { sasl2: false }])(
  'an app that nobody looks at says so, and again in every stream (%o)',
  async (options) => {
    const { server, look, open, said } = setUp(options);
    const tab = { visible: true };
    const app = await open(tab);
    await turns();
    expect(said()).toEqual([]);
    look(tab, false);
    await until(() => server.sessions[0]!.active === false, 'inactive');
    const { jid } = server.sessions[0]!;
    server.cut();
    app.session.value!.reconnect();
    await until(() => said().length === 2, 'told again after a resumption');
    expect(server.sessions[0]).toMatchObject({ jid, active: false });
    server.restart();
    app.session.value!.reconnect();
    await until(() => said().length === 3, 'told again in a new session');
    look(tab, true);
    expect(said().at(-1)).toBe('active');
    look(tab, false);
    look(tab, true);
    await turns();
    expect(said().filter((it) => it === 'active').length).toBe(1);
    await app.close();
  },
);

it('any tab that is visible counts, also when it only follows, until it goes or dies', async () => {
  const { server, look, open } = setUp();
  const [one, two] = [{ visible: true }, { visible: true }];
  const first = await open(one);
  const second = await open(two);
  const active = () => server.sessions[0]!.active;
  look(one, false);
  await turns();
  expect(active()).toBe(true);
  look(two, false);
  await until(() => !active(), 'both are hidden');
  look(two, true);
  await until(active, 'the one that follows is looked at');
  await second.close();
  await until(() => !active(), 'it has gone');
  const third = await open({ visible: true });
  await until(active, 'another one came');
  // The one that leads goes: the next asks who is there.
  await first.close();
  await until(() => third.session.value?.connection.value.state === 'online', 'took over');
  await turns();
  expect(active()).toBe(true);
  await third.close();
});

it('a server that does not know the words does not hear them', async () => {
  const { look, open, said } = setUp({ csi: false });
  const tab = { visible: true };
  const app = await open(tab);
  look(tab, false);
  await turns();
  expect(said()).toEqual([]);
  await app.close();
});
