// The signals that the views read, for one account. apply() is the only way in.
import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { ChatRow, FaceRow } from '../db/schema';
import { bare } from '../xmpp/jid';
import type { RosterItem } from '../xmpp/mod/roster';
import { NS } from '../xmpp/ns';
import type { Change } from './changes';
import { PLAIN, readSettings } from './chat-settings';
import { DEFAULT_CHOICES, isChoice, readChoice } from './choices';
import type {
  Address,
  Availability,
  Chat,
  ChatSettings,
  Choices,
  Connection,
  Contact,
  ContactRequest,
  Message,
  Presence,
  Upload,
} from './model';
import { sameMessage } from './same';

const NOBODY: readonly Address[] = [];

export const AWAY: Presence = Object.freeze({ availability: 'offline' as Availability, text: '' });

interface ChatSignals {
  chat: Chat;
  last: Signal<Message | undefined>;
  unread: Signal<number>;
  draft: Signal<string>;
  typing: Signal<boolean>;
  activity: Signal<number>;
  settings: Signal<ChatSettings>;
  muted: Signal<boolean>;
  /** Ends the silence. */
  timer?: ReturnType<typeof setTimeout>;
}

/** A timer can wait no longer. */
const LONGEST_MS = 2 ** 31 - 1;

/** The part before the @, as a name. */
export function shortName(address: Address): string {
  const at = address.indexOf('@');
  return at > 0 ? address.slice(0, at) : address;
}

function sameItem(a: RosterItem | undefined, b: RosterItem): boolean {
  return a !== undefined && a.name === b.name && a.subscription === b.subscription && a.asked === b.asked;
}

const byName = new Intl.Collator(undefined, { sensitivity: 'base', numeric: true });

export class State {
  readonly connection = signal<Connection>({ state: 'connecting', since: Date.now() });
  readonly ownPresence = signal<Presence>({ availability: 'online', text: '' });
  readonly requests = signal<readonly ContactRequest[]>([]);
  readonly blocked = signal<readonly Address[]>([]);
  readonly ready = signal(false);
  readonly rosterKnown = signal(false);
  readonly itemsKnown = signal(false);
  readonly choices: Signal<Choices>;
  readonly contactsVersion = signal(0);
  readonly uploadMax = signal<number | undefined>(undefined);
  /** All chats, newest first. */
  private readonly byActivity = signal<readonly Address[]>([]);
  /** How many chats have settings: without any the list is as they come. */
  private readonly settled = signal(0);
  readonly chatOrder: ReadonlySignal<readonly Address[]>;
  readonly archivedOrder: ReadonlySignal<readonly Address[]>;
  readonly unread: ReadonlySignal<number>;
  /** Changes for open timelines. */
  readonly listeners = new Set<(change: Change) => void>();
  private readonly items = new Map<Address, RosterItem>();
  private readonly chats = new Map<Address, ChatSignals>();
  private readonly chatCount = signal(0);
  private counting = false;
  private readonly presences = new Map<Address, Signal<Presence>>();
  private readonly uploads = new Map<string, Signal<Upload | undefined>>();
  private readonly names = new Map<Address, Signal<string>>();
  private readonly contacts = new Map<Address, Contact>();
  private readonly faces = new Map<Address, Signal<FaceRow>>();
  private readonly pictures = new Map<Address, ReadonlySignal<string>>();
  readonly contactOrder: ReadonlySignal<readonly Address[]>;

  /** `chosen`: as long as no device has chosen anything else. */
  constructor(
    readonly own: Address,
    private readonly chosen: Choices = DEFAULT_CHOICES,
  ) {
    this.choices = signal(chosen);
    this.unread = computed(() => {
      void this.chatCount.value;
      let n = 0;
      for (const c of this.chats.values())
        if (c.unread.value > 0 && !c.muted.value && !this.isArchived(c)) n += c.unread.value;
      return n;
    });
    const sorted = computed(() => {
      const all = this.byActivity.value;
      if (this.settled.value === 0) return { list: all, archived: NOBODY };
      const pinned: Address[] = [];
      const list: Address[] = [];
      const archived: Address[] = [];
      for (const address of all) {
        const c = this.chatSignals(address);
        (this.isArchived(c) ? archived : c.settings.value.pinned ? pinned : list).push(address);
      }
      return { list: [...pinned, ...list], archived };
    });
    this.chatOrder = computed(() => sorted.value.list);
    this.archivedOrder = computed(() => sorted.value.archived);
    this.contactOrder = computed(() => {
      void this.contactsVersion.value;
      return [...this.items.values()]
        .map((i) => ({ address: i.address, name: this.nameOf(i.address) }))
        .sort((a, b) => byName.compare(a.name, b.name) || (a.address < b.address ? -1 : 1))
        .map((i) => i.address);
    });
  }

  presence(address: Address): Signal<Presence> {
    let s = this.presences.get(address);
    if (!s) {
      s = signal(AWAY);
      this.presences.set(address, s);
    }
    return s;
  }

  chat(address: Address): Chat {
    return this.chatSignals(address).chat;
  }

  contact(address: Address): Contact | undefined {
    const item = this.items.get(address);
    if (!item) return undefined;
    let contact = this.contacts.get(address);
    if (!contact) {
      contact = {
        address,
        name: this.nameOf(address),
        given: item.name,
        subscription: item.subscription === 'remove' ? 'none' : item.subscription,
        asked: item.asked,
        blocked: this.blocked.value.includes(address),
        presence: this.presence(address),
      };
      this.contacts.set(address, contact);
    }
    return contact;
  }

  item(address: Address): RosterItem | undefined {
    return this.items.get(address);
  }

  /** It is me, or one of my contacts. */
  knows(address: Address): boolean {
    return address === this.own || this.items.has(address);
  }

  /** How they show themselves. */
  face(address: Address): Signal<FaceRow> {
    let s = this.faces.get(address);
    if (!s) {
      s = signal({ address, nick: '', about: '', node: '', card: '' });
      this.faces.set(address, s);
    }
    return s;
  }

  /** The hash of the picture that is shown of them: of strangers and of the blocked none, ''. */
  pictureOf(address: Address): ReadonlySignal<string> {
    let s = this.pictures.get(address);
    if (!s) {
      s = computed(() => {
        void this.contactsVersion.value;
        if (!this.knows(address) || this.blocked.value.includes(address)) return '';
        const { node, card } = this.face(address).value;
        return node || card;
      });
      this.pictures.set(address, s);
    }
    return s;
  }

  /** The name I gave, else the one they chose, else the beginning of their address. */
  nameOf(address: Address): string {
    const chosen = this.knows(address) ? this.face(address).peek().nick : '';
    return this.items.get(address)?.name || chosen || shortName(address);
  }

  /** Someone who sees my presence may learn what I receive and read. */
  maySee(address: Address): boolean {
    const subscription = this.items.get(address)?.subscription;
    return (subscription === 'from' || subscription === 'both') && !this.blocked.value.includes(address);
  }

  upload(key: string): Signal<Upload | undefined> {
    let s = this.uploads.get(key);
    if (!s) {
      s = signal(undefined);
      this.uploads.set(key, s);
    }
    return s;
  }

  apply(changes: readonly Change[]): void {
    batch(() => {
      for (const change of changes) {
        this.applyOne(change);
        for (const listener of this.listeners) listener(change);
      }
    });
  }

  private applyOne(change: Change): void {
    switch (change.kind) {
      case 'chat':
        this.applyChat(change.row);
        break;
      case 'contacts': {
        const fresh = new Set(change.items.map((i) => i.address));
        for (const address of [...this.items.keys()]) if (!fresh.has(address)) this.removeItem(address);
        for (const item of change.items) this.setItem(item);
        this.rosterKnown.value = true;
        this.contactsVersion.value++;
        break;
      }
      case 'contact':
        if (change.item.subscription === 'remove') this.removeItem(change.item.address);
        else if (sameItem(this.items.get(change.item.address), change.item)) break;
        else this.setItem(change.item);
        this.contactsVersion.value++;
        break;
      case 'requests':
        this.requests.value = change.list;
        break;
      case 'blocked':
        this.blocked.value = change.list;
        this.contacts.clear();
        this.contactsVersion.value++;
        break;
      case 'presence': {
        const s = this.presence(change.address);
        const { availability, text } = change.presence;
        if (s.value.availability !== availability || s.value.text !== text) s.value = change.presence;
        break;
      }
      case 'presences-gone':
        for (const s of this.presences.values()) s.value = AWAY;
        for (const c of this.chats.values()) c.typing.value = false;
        break;
      case 'own-presence':
        this.ownPresence.value = change.presence;
        break;
      case 'typing':
        this.chatSignals(change.chat).typing.value = change.typing;
        break;
      case 'upload':
        this.upload(change.key).value = change.upload;
        break;
      case 'item':
        if (change.node === NS.chats && bare(change.id) === change.id)
          this.setSettings(change.id, readSettings(change.xml));
        else if (change.node === NS.choices && isChoice(change.id))
          this.choices.value = {
            ...this.choices.peek(),
            [change.id]: readChoice(change.xml) ?? this.chosen[change.id],
          };
        break;
      case 'items-known':
        this.itemsKnown.value = true;
        break;
      case 'face':
        this.applyFace(change.row);
        break;
      case 'upload-max':
        this.uploadMax.value = change.max;
        break;
      case 'connection':
        this.connection.value = change.connection;
        break;
    }
  }

  private setItem(item: RosterItem): void {
    this.items.set(item.address, item);
    this.contacts.delete(item.address);
    this.name(item.address).value = this.nameOf(item.address);
  }

  private removeItem(address: Address): void {
    this.items.delete(address);
    this.contacts.delete(address);
    this.name(address).value = shortName(address);
    this.presence(address).value = AWAY;
  }

  private applyFace(row: FaceRow): void {
    const { address } = row;
    const face = this.face(address);
    const named = face.peek().nick !== row.nick;
    face.value = row;
    if (!named) return;
    this.contacts.delete(address);
    this.name(address).value = this.nameOf(address);
    this.contactsVersion.value++;
  }

  name(address: Address): Signal<string> {
    let s = this.names.get(address);
    if (!s) {
      s = signal(this.nameOf(address));
      this.names.set(address, s);
    }
    return s;
  }

  private chatSignals(address: Address): ChatSignals {
    const known = this.chats.get(address);
    if (known) return known;
    const signals = {
      last: signal<Message | undefined>(undefined),
      unread: signal(0),
      draft: signal(''),
      typing: signal(false),
      activity: signal(0),
      settings: signal(PLAIN),
      muted: signal(false),
    };
    const chat: Chat = {
      address,
      kind: address === this.own ? 'self' : 'person',
      name: this.name(address),
      presence: this.presence(address),
      ...signals,
    };
    const made = { chat, ...signals };
    this.chats.set(address, made);
    // Not during a render that asks for the chat: the sum changes only when the chat has something unread. Once for many.
    if (!this.counting) {
      this.counting = true;
      queueMicrotask(() => {
        this.counting = false;
        this.chatCount.value++;
      });
    }
    return made;
  }

  private setSettings(address: Address, settings: ChatSettings): void {
    const c = this.chatSignals(address);
    if (c.settings.peek() !== PLAIN) this.settled.value--;
    if (Object.keys(settings).length > 0) this.settled.value++;
    c.settings.value = Object.keys(settings).length > 0 ? settings : PLAIN;
    this.listen(c);
  }

  /** Silent or not, and when that ends. */
  private listen(c: ChatSignals): void {
    clearTimeout(c.timer);
    const left = (c.settings.peek().muted ?? 0) - Date.now();
    c.muted.value = left > 0;
    if (left > 0 && left !== Number.POSITIVE_INFINITY)
      c.timer = setTimeout(() => this.listen(c), Math.min(left, LONGEST_MS));
  }

  private isArchived(c: ChatSignals): boolean {
    const { archived } = c.settings.value;
    return archived !== undefined && (c.muted.value || c.activity.value <= archived);
  }

  private applyChat(row: ChatRow): void {
    const c = this.chatSignals(row.address);
    if (c.unread.peek() !== row.unread) c.unread.value = row.unread;
    if (c.draft.peek() !== row.draft) c.draft.value = row.draft;
    const last = c.last.peek();
    if (!last || !row.last || last.key !== row.last.key || !sameMessage(last, row.last)) c.last.value = row.last;
    if (c.activity.peek() !== row.activity) {
      c.activity.value = row.activity;
      this.reorder(row.address);
    } else if (row.activity > 0 && !this.byActivity.peek().includes(row.address)) this.reorder(row.address);
  }

  /** Puts one chat at its place; the others keep theirs. */
  private reorder(address: Address): void {
    const activity = this.chatSignals(address).activity.peek();
    const rest = this.byActivity.peek().filter((a) => a !== address);
    if (activity > 0) {
      let lo = 0;
      let hi = rest.length;
      while (lo < hi) {
        const mid = (lo + hi) >> 1;
        if (this.chatSignals(rest[mid]!).activity.peek() > activity) lo = mid + 1;
        else hi = mid;
      }
      rest.splice(lo, 0, address);
    }
    this.byActivity.value = rest;
  }

  /** What was just typed, before it is written. */
  setDraft(address: Address, text: string): void {
    this.chatSignals(address).draft.value = text;
  }

  /** All chats at once, from the cache. */
  load(rows: readonly ChatRow[]): void {
    batch(() => {
      for (const row of rows) {
        const c = this.chatSignals(row.address);
        c.unread.value = row.unread;
        c.draft.value = row.draft;
        c.last.value = row.last;
        c.activity.value = row.activity;
      }
      this.byActivity.value = rows
        .filter((r) => r.activity > 0)
        .sort((a, b) => b.activity - a.activity)
        .map((r) => r.address);
    });
  }
}
