// The app itself on a bad network: its core, its store and its cache (not its views), among others' devices. What is on the screens at
// the end is the same everywhere: nothing lost, nothing twice, in order, every tick true. CONFAB_CUTS and CONFAB_SEED as in ../network.test.ts.

import { randomInt } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import {
  BadNetwork,
  chance,
  Device,
  eventually,
  isComplete,
  judge,
  lag,
  type Person,
  progressing,
  type Style,
  type Transport,
  useServer,
} from '../harness/index.ts';
import { AppDevice } from './app_device.ts';

const CUTS = Number(process.env.CONFAB_CUTS ?? 30);
const SEED = Number(process.env.CONFAB_SEED ?? randomInt(1, 2 ** 31));
const ERA = 150;
const LAG = 60;

const stage = useServer();

type Make = 'ws' | 'wss' | readonly [Style, Transport];
type Somebody = Device | AppDevice;

const CAST: Record<string, { peers: string[]; devices: Make[] }> = {
  helen: { peers: ['ivan'], devices: ['ws', 'wss'] },
  ivan: { peers: ['helen'], devices: ['ws', ['modern', 'tls']] },
  judy: { peers: ['kim'], devices: ['ws'] },
  kim: { peers: ['judy'], devices: ['ws', ['classic', 'tcp']] },
};

async function cast(network: BadNetwork, seed: number): Promise<Map<string, Person<Somebody>>> {
  const names = Object.keys(CAST);
  const accounts = await stage.accounts(...names);
  const jid = (name: string) => accounts[names.indexOf(name)]!.jid;
  for (const n of names)
    for (const p of CAST[n]!.peers) if (n < p) await stage.server.ctl(['contact', 'add', jid(n), jid(p)]);
  const people = new Map<string, Person<Somebody>>();
  let serial = 0;
  for (const account of accounts) {
    const { peers: who, devices } = CAST[names[accounts.indexOf(account)]!]!;
    const peers = who.map(jid);
    const make = (m: Make, d: number): Somebody => {
      const base = { account, ports: network.ports, peers, rng: chance(seed + ++serial) };
      if (typeof m === 'string')
        return new AppDevice({ ...base, name: `app${d}`, first: stage.ports, secure: m === 'wss' });
      return new Device({ ...base, name: `${m[0]}${d}`, style: m[0], transport: m[1], receipts: true });
    };
    people.set(account.jid, { account, peers, devices: devices.map(make) });
  }
  for (const p of people.values())
    for (const d of p.devices) d.writes = (peer) => lag(people, p.account.jid, peer) < LAG;
  return people;
}

const totals: Record<string, number> = {};
function add(what: string, n: number): void {
  totals[what] = (totals[what] ?? 0) + n;
}

async function era(cuts: number, seed: number): Promise<void> {
  const network = await BadNetwork.before(stage.ports, seed);
  const people = await cast(network, seed);
  const devices = [...people.values()].flatMap((p) => p.devices);
  const apps = devices.filter((d) => d instanceof AppDevice);
  const others = devices.filter((d) => d instanceof Device);
  for (const a of apps) await a.start();
  const failed: string[] = [];
  const faults = () => [...failed, ...others.flatMap((d) => d.faults)];
  const lives = devices.map((d) => d.run().catch((err: Error) => void failed.push(err.message)));
  const looking = async () => {
    for (const a of apps) await a.look();
  };
  let looks = true;
  const watching = (async () => {
    while (looks) {
      await looking();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  try {
    await progressing(
      () => network.cuts >= cuts || faults().length > 0,
      () => network.cuts,
    );
    for (const d of devices) d.writes = () => false;
    network.calm = true;
    network.clear();
    // What does not come is said better by the judge.
    await progressing(
      () => (devices.every((d) => d.settled) && isComplete(people)) || faults().length > 0,
      () => devices.reduce((n, d) => n + d.seen, 0),
    ).catch(() => {});
    looks = false;
    await watching;
    await looking();
    expect(faults()).toEqual([]);
    expect(apps.flatMap((a) => a.unsent)).toEqual([]);
    await judge(stage, people);
    for (const d of devices) await d.leaveForGood();
    await Promise.all(lives);
    let left = '';
    const gone = async () => (left = (await stage.server.ctl(['sessions'])).trim()) === '';
    await eventually(gone).catch(() => expect(left).toBe(''));
  } finally {
    looks = false;
    await watching;
    for (const d of devices) await d.stop();
    network.close();
  }
  add('cuts', network.cuts);
  for (const [fate, n] of Object.entries(network.met)) add(fate, n);
  add('connections', network.connections);
  for (const d of devices) add('messages', d.written);
}

afterAll(() => console.log(`seed ${SEED}: ${JSON.stringify(totals)}`));

test(
  `${CUTS} cuts, CONFAB_CUTS=${CUTS} CONFAB_SEED=${SEED}`,
  async () => {
    for (let done = 0, n = 0; done < CUTS; done += ERA, n++) await era(Math.min(ERA, CUTS - done), SEED + 1000 * n);
  },
  120_000 + CUTS * 4_000,
);
