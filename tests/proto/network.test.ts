// A bad network (promises 1 to 5, as people see them): everything that can happen to a connection happens, again and again, at full
// speed, to several devices of several people. Afterwards everybody has the same conversations: nothing lost, nothing twice, in order.
// CONFAB_CUTS says how many times, CONFAB_SEED repeats a run.

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
} from './harness/index.ts';

const CUTS = Number(process.env.CONFAB_CUTS ?? 200);
const SEED = Number(process.env.CONFAB_SEED ?? randomInt(1, 2 ** 31));
/** So many cuts with the same people: their archives are read as a whole. */
const ERA = 400;
/** Nobody writes on when somebody has so much to catch up with: more would be lost on the way to them than gets through. */
const LAG = 150;
/** Far more than it needs, a sanitizer's shadow included; far less than if it kept what it should not. */
const MEMORY_MAX = 1e9;

// Queues without an end: so a session that cannot be resumed is a fault of the server, if its time has not passed.
const stage = useServer({
  server: { log_level: 'debug' },
  limits: { rates: 'no', sm_queue: '100000', sm_queue_bytes: '1G', sm_account: '1000000', sm_account_bytes: '1G' },
});

type Make = readonly [Style, Transport, maxS?: number];

/** Who has what, and who talks to whom: a pair with two devices each, a three, a pair of which one has an old client. */
const CAST: Record<string, { peers: string[]; devices: Make[] }> = {
  alice: {
    peers: ['bob'],
    devices: [
      ['modern', 'tcp'],
      ['modern', 'wss', 2],
    ],
  },
  bob: {
    peers: ['alice'],
    devices: [
      ['modern', 'tls', 2],
      ['classic', 'ws'],
    ],
  },
  carol: {
    peers: ['dave', 'erin'],
    devices: [
      ['classic', 'starttls'],
      ['modern', 'ws'],
    ],
  },
  dave: { peers: ['carol', 'erin'], devices: [['modern', 'tls']] },
  erin: {
    peers: ['carol', 'dave'],
    devices: [
      ['classic', 'tcp', 2],
      ['modern', 'tcp'],
    ],
  },
  frank: { peers: ['grace'], devices: [['plain', 'tcp']] },
  grace: {
    peers: ['frank'],
    devices: [
      ['modern', 'ws'],
      ['modern', 'tcp', 2],
    ],
  },
};

async function cast(network: BadNetwork, seed: number): Promise<Map<string, Person<Device>>> {
  const names = Object.keys(CAST);
  const accounts = await stage.accounts(...names);
  const jid = (name: string) => accounts[names.indexOf(name)]!.jid;
  // Receipts go to contacts only.
  for (const n of names)
    for (const p of CAST[n]!.peers) if (n < p) await stage.server.ctl(['contact', 'add', jid(n), jid(p)]);
  const people = new Map<string, Person<Device>>();
  let serial = 0;
  for (const account of accounts) {
    const { peers: who, devices } = CAST[names[accounts.indexOf(account)]!]!;
    const peers = who.map(jid);
    const make = ([style, transport, maxS]: Make, d: number) =>
      new Device({
        account,
        name: `${style}${d}`,
        style,
        transport,
        ports: network.ports,
        peers,
        rng: chance(seed + ++serial),
        receipts: d === 0,
        ...(maxS ? { maxS } : {}),
      });
    people.set(account.jid, { account, peers, devices: devices.map(make) });
  }
  for (const p of people.values())
    for (const d of p.devices) d.writes = (peer) => lag(people, p.account.jid, peer) < LAG;
  return people;
}

const totals: Record<string, number> = {};
function add(what: string, n = 1): void {
  totals[what] = (totals[what] ?? 0) + n;
}

async function era(cuts: number, seed: number): Promise<void> {
  const network = await BadNetwork.before(stage.ports, seed);
  const people = await cast(network, seed);
  const devices = [...people.values()].flatMap((p) => p.devices);
  const faults = () => devices.flatMap((d) => d.faults);
  const lives = devices.map((d) => d.run());
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
    expect(faults()).toEqual([]);
    await judge(stage, people);
    for (const d of devices) d.leaveForGood();
    await Promise.all(lives);
    const left = async () => {
      const sessions = await stage.server.ctl(['sessions']);
      return [...people.keys()].filter((jid) => sessions.includes(jid)).length;
    };
    await eventually(async () => (await left()) === 0);
  } finally {
    for (const d of devices) d.stop();
    network.close();
  }
  add('cuts', network.cuts);
  for (const [fate, n] of Object.entries(network.met)) add(fate, n);
  add('connections', network.connections);
  for (const d of devices) {
    add('messages', d.written);
    add('sign-ins', d.signIns);
    add('binds', d.binds);
    for (const r of d.resumptions) add(r.outcome);
  }
}

afterAll(() => console.log(`seed ${SEED}: ${JSON.stringify(totals)}`));

/** Two at a time keep the server busy when most of one lot wait to find out that they are cut off. */
async function eras(cuts: number): Promise<void> {
  const seeds: [number, number][] = [];
  for (let done = 0; done < cuts; done += ERA) seeds.push([Math.min(ERA, cuts - done), SEED + 1000 * seeds.length]);
  const lane = async () => {
    for (let next = seeds.shift(); next; next = seeds.shift()) await era(...next);
  };
  await Promise.all([lane(), lane()]);
}

/** A number that the server gives of itself. */
async function metric(name: string): Promise<number> {
  const text = await stage.server.ctl(['metrics']);
  return Number(new RegExp(`^confab_${name} (\\d+)`, 'm').exec(text)?.[1]);
}

test(
  `${CUTS} cuts, CONFAB_CUTS=${CUTS} CONFAB_SEED=${SEED}`,
  async () => {
    await eras(CUTS);
    for (const nothing of ['connections', 'connections_unauthenticated', 'store_waiting_jobs', 'store_failures_total'])
      await expect.poll(() => metric(nothing), { message: nothing }).toBe(0);
    const memory = await metric('resident_memory_bytes');
    add('MB', Math.round(memory / 1e6));
    expect(memory).toBeLessThan(MEMORY_MAX);
  },
  120_000 + CUTS * 1_000,
);
