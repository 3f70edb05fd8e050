// Messages that I have pinned in a chat, the same on all my devices: an item of a private node for each (mirror.ts), so that two
// devices that pin different messages lose none. Mine alone: XMPP has no settled way to pin for both.
//
//   <pin xmlns='urn:confab:pins:0' chat='noah@example.org' from='mia@example.org' id='ID' archive='ID' time='2026-11-23T10:00:00.000Z'/>
//
// The words are not in it: what is taken back or changed must not live on here. Where the message is not in the cache, the
// bar says whose it is and of when, and looking for it fetches it.
import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { ident } from '../db/messages';
import type { MessageRow } from '../db/schema';
import { bare } from '../xmpp/jid';
import { NS } from '../xmpp/ns';
import { write, x } from '../xmpp/xml';
import type { Change } from './changes';
import { payloadOf } from './mirror';
import type { Address, Hit, Message, Pin } from './model';

const NONE: readonly Pin[] = [];

/** What stands in an item; undefined: nothing that this app could show. */
export function readPin(item: string, xml: string, own: Address): Pin | undefined {
  const el = payloadOf(xml);
  if (!el?.is('pin', NS.pins)) return undefined;
  const [chat = '', from = '', id = '', archive = '', time = ''] = ['chat', 'from', 'id', 'archive', 'time'].map(
    (name) => el.attr(name),
  );
  const ms = Date.parse(time);
  if (chat === '' || bare(chat) !== chat || (from !== own && from !== chat)) return undefined;
  if (Number.isNaN(ms) || (id === '' && archive === '')) return undefined;
  const hit: Hit = {
    id: archive,
    chat,
    mine: from === own,
    time: ms,
    text: '',
    file: false,
    idents: id === '' ? [] : [ident(chat, from, id)],
  };
  return { items: [item], hit };
}

/** The item for a message, and what it goes by; undefined: no other device could find it. */
export function writePin(row: MessageRow): { item: string; xml: string } | undefined {
  const id = row.originId ?? row.id;
  const item = row.archiveId || id;
  if (!item) return undefined;
  const attrs = {
    xmlns: NS.pins,
    chat: row.chat,
    from: row.from,
    id: id || undefined,
    archive: row.archiveId,
    time: new Date(row.time).toISOString(),
  };
  return { item, xml: write(x('pin', attrs)) };
}

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
