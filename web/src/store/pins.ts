// Messages that I have pinned in a chat, the same on all my devices: an item of a private node for each (named.ts), so that two
// devices that pin different messages lose none. Mine alone: XMPP has no settled way to pin for both. Where the message is
// not in the cache, the bar says whose it is and of when, and looking for it fetches it.
import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { MessageRow } from '../db/schema';
import { NS } from '../xmpp/ns';
import type { Change } from './changes';
import type { Address, Hit, Message, Pin } from './model';
import { readNamed, writeNamed } from './named';

const NONE: readonly Pin[] = [];

/** What stands in an item; undefined: nothing that this app could show. */
export function readPin(item: string, xml: string, own: Address): Pin | undefined {
  const hit = readNamed('pin', NS.pins, xml, own);
  return hit && { items: [item], hit };
}

export const writePin = (row: MessageRow) => writeNamed('pin', NS.pins, row);

export class Pins {
  private readonly known = new Map<string, Pin>();
  private readonly chats = new Map<Address, Signal<readonly Pin[]>>();
  /** How often it was asked for, by chat: only the last answer is shown. */
  private readonly turns = new Map<Address, number>();

  constructor(
    private readonly own: Address,
    /** The message, if it is in the cache. */
    private readonly find: (hit: Hit) => Promise<Message | undefined>,
  ) {}

  /** Oldest message first. */
  of(chat: Address): ReadonlySignal<readonly Pin[]> {
    return this.signal(chat);
  }

  apply(change: Change): void {
    if (change.kind === 'item' && change.node === NS.pins) this.take(change.id, change.xml);
    if (change.kind !== 'messages' || ![...this.known.values()].some((it) => it.hit.chat === change.chat)) return;
    // What was not here may have come, and what was may have changed.
    const shown = new Set(
      this.signal(change.chat)
        .peek()
        .map((it) => it.message?.key),
    );
    if (shown.has(undefined) || change.messages.some((it) => shown.has(it.key))) this.look(change.chat);
  }

  private signal(chat: Address): Signal<readonly Pin[]> {
    const known = this.chats.get(chat) ?? signal(NONE);
    this.chats.set(chat, known);
    return known;
  }

  private take(item: string, xml: string): void {
    const old = this.known.get(item);
    const pin = readPin(item, xml, this.own);
    if (pin) this.known.set(item, pin);
    else this.known.delete(item);
    for (const chat of new Set([old?.hit.chat, pin?.hit.chat])) if (chat !== undefined) this.look(chat);
  }

  private look(chat: Address): void {
    const turn = (this.turns.get(chat) ?? 0) + 1;
    this.turns.set(chat, turn);
    // Of many that come together the last is enough; the cache may have been closed.
    queueMicrotask(() => this.turns.get(chat) === turn && void this.show(chat, turn).catch(() => {}));
  }

  private async show(chat: Address, turn: number): Promise<void> {
    const found = new Map<string, Pin>();
    for (const { items, hit } of [...this.known.values()].filter((it) => it.hit.chat === chat)) {
      const message = await this.find(hit);
      // Nothing is left of it to look at.
      if (message?.retracted || message?.hidden) continue;
      // Two devices may have named one message in two ways.
      const name = message?.key ?? items[0]!;
      const all = [...(found.get(name)?.items ?? []), ...items];
      found.set(name, { items: all, hit: message ? { ...hit, key: message.key } : hit, ...(message && { message }) });
    }
    if (this.turns.get(chat) !== turn) return;
    this.signal(chat).value = [...found.values()].sort((a, b) => a.hit.time - b.hit.time);
  }
}
