// Who looks at everything when it is over: what each device shows, what each archive holds, and that all of it agrees.

import { expect } from 'vitest';
import { type Archived, everything } from './archive.ts';
import type { Resumption } from './device.ts';
import type { Account } from './login.ts';
import type { Stage } from './stage.ts';

/** A device as its person sees it. A message is named by its first word, which begins with the name of who sent it and `-`. */
export interface Judged {
  readonly name: string;
  /** Whether it sees what the account's other devices send. */
  readonly copies: boolean;
  /** By peer: what it sent, in the order of writing. */
  readonly sent: ReadonlyMap<string, readonly string[]>;
  /** By peer: what is on the screen, from the top. */
  readonly views: ReadonlyMap<string, readonly string[]>;
  /** What it sent and wanted a receipt for, and all receipts that it knows of. */
  readonly asked: readonly string[];
  readonly receipted: ReadonlySet<string>;
}

export interface Person<D extends Judged = Judged> {
  readonly account: Account;
  readonly peers: readonly string[];
  readonly devices: readonly D[];
}

/** By bare address. */
export type People<D extends Judged = Judged> = ReadonlyMap<string, Person<D>>;

/** A session of whose time so little was left may be gone: a busy machine hears late of what came in time. */
const SLACK_MS = 1000;

const word = (a: Archived): string | undefined => a.message.child('body')?.text.split(' ')[0];
const bare = (jid: string | undefined): string => (jid ?? '').split('/')[0]!;

interface Archive {
  /** The place of each id. */
  readonly places: ReadonlyMap<string, number>;
  /** What one wrote to the other, in this archive's order. */
  from(sender: string, to: string): string[];
}

async function archiveOf(stage: Stage, account: Account): Promise<Archive> {
  const c = await stage.signInModern(account, { tag: 'judge' });
  const all = await everything(c, { max: 200 });
  await c.close();
  const from = (sender: string, to: string) =>
    all
      .filter((a) => bare(a.message.attr('from')) === sender && bare(a.message.attr('to')) === to)
      .flatMap((a) => word(a) ?? []);
  return { places: new Map(all.map((a, i) => [a.id, i])), from };
}

/** By how many messages the one who is furthest behind in a conversation is so. */
export function lag(people: People, a: string, b: string): number {
  let written = 0;
  let least = Infinity;
  for (const [me, you] of [
    [a, b],
    [b, a],
  ] as const)
    for (const d of people.get(me)!.devices) {
      written += d.sent.get(you)!.length;
      if (d.copies || people.get(me)!.devices.length === 1) least = Math.min(least, d.views.get(you)!.length);
    }
  return written - least;
}

/** Whether all has come that others wrote, and the receipts that were asked for. */
export function isComplete(people: People): boolean {
  return [...people.values()].every((p) => {
    const asked = p.devices.flatMap((d) => d.asked);
    return (
      p.peers.every((peer) => lag(people, p.account.jid, peer) === 0) &&
      p.devices.every((d) => !d.copies || asked.every((id) => d.receipted.has(id)))
    );
  });
}

function judgeConversation(a: Person, b: Person, archiveA: Archive, archiveB: Archive): void {
  const [me, you] = [a.account.jid, b.account.jid];
  const kept = archiveA.from(me, you);
  expect(archiveB.from(me, you), `what ${me} wrote to ${you}, in both archives`).toEqual(kept);
  expect(new Set(kept).size, `what ${me} wrote to ${you} is kept once`).toBe(kept.length);
  for (const d of a.devices) {
    const by = (list: readonly string[]) => list.filter((id) => id.startsWith(`${d.name}-`));
    const sent = d.sent.get(you)!;
    expect(by(kept), `what ${d.name} wrote to ${you}, in the archive`).toEqual(sent);
    for (const other of a.devices) {
      if (!other.copies && other !== d) continue;
      expect(by(other.views.get(you)!), `what ${d.name} wrote to ${you}, on ${other.name}`).toEqual(sent);
    }
  }
  for (const d of b.devices) {
    const seen = d.views.get(me)!.filter((id) => id.startsWith(`${a.account.name}.`));
    expect(seen, `what ${me} wrote to ${you}, on ${d.name}`).toEqual(kept);
  }
  // Receipts that were missed are in the archive only.
  const asked = a.devices.flatMap((d) => d.asked).filter((id) => kept.includes(id));
  for (const d of a.devices.filter((d) => d.copies))
    expect(
      asked.filter((id) => !d.receipted.has(id)),
      `receipts that ${d.name} knows nothing of`,
    ).toEqual([]);
}

/** Everybody's conversations and archives. */
export async function judge(stage: Stage, people: People): Promise<void> {
  const archives = new Map<string, Archive>();
  for (const { account } of people.values()) archives.set(account.jid, await archiveOf(stage, account));
  for (const p of people.values())
    for (const peer of p.peers)
      judgeConversation(p, people.get(peer)!, archives.get(p.account.jid)!, archives.get(peer)!);
  for (const p of people.values())
    for (const d of p.devices) {
      if ('arrivals' in d) judgeArrivals(d.name, d.arrivals as string[][], archives.get(p.account.jid)!);
      if ('resumptions' in d)
        judgeResumptions(d.resumptions as Resumption[], () => said(stage.server.log, p.account.jid));
    }
}

/** What a session was shown is in the archive, and came in its order: who catches up from the newest misses nothing. */
function judgeArrivals(name: string, arrivals: readonly (readonly string[])[], archive: Archive): void {
  for (const list of arrivals) {
    let last = -1;
    for (const id of list) {
      const at = archive.places.get(id);
      if (at === undefined) throw new Error(`${name} was shown ${id}, which is not in the archive`);
      if (at <= last) throw new Error(`${name} was shown number ${at} of the archive after number ${last}`);
      last = at;
    }
  }
}

/** What the server has said of an account last. */
function said(log: string, jid: string): string {
  const lines = log.split('\n').filter((line) => line.includes(jid));
  return lines.slice(-80).join('\n');
}

/** A session whose time has not passed can be resumed. */
function judgeResumptions(list: readonly Resumption[], log: () => string): void {
  for (const { outcome, awayMs, maxMs, device } of list) {
    if (outcome === 'failed' && awayMs < maxMs - SLACK_MS)
      throw new Error(`${device} could not resume after ${awayMs.toFixed(0)} of ${maxMs} ms:\n${log()}`);
  }
}
