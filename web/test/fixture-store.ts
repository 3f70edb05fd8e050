// A made-up store: the same contract as the real one (src/store/model.ts), filled with nothing, little or very much,
// so that the views can be looked at and tested without a server. Never part of the product's build.
import { computed, type Signal, signal } from '@preact/signals';
import { DEFAULT_CHOICES } from '../src/store/choices';
import type {
  Account,
  Address,
  App,
  Availability,
  Chat,
  ChatSettings,
  Choices,
  Connection,
  Contact,
  ContactRequest,
  Device,
  Face,
  Failure,
  FileInfo,
  Hit,
  Mark,
  Message,
  OutgoingFile,
  Pin,
  Portraits,
  Presence,
  Session,
  Settings,
  Timeline,
  Upload,
} from '../src/store/model';
import { termsMatch, termsOf } from '../src/store/terms';

export type Content = 'empty' | 'little' | 'full' | 'first';

export interface FixtureOptions {
  content: Content;
  signedIn: boolean;
  connection: Connection['state'];
  settings?: Partial<Settings>;
  accounts?: number;
  registrationOpen?: boolean;
  uploadMax?: number | undefined;
  /** Pages of Hana's archive that are not in the cache. */
  earlier?: number;
  /** Uploads do not end. */
  stuck?: boolean;
  devices?: 'one' | 'many' | undefined;
  /** Some chats are pinned, muted and archived. */
  kept?: boolean;
}

const ME = 'alex@example.org';
const MANY_DEVICES: readonly Device[] = [
  ['Telephone', 'Conversations 2.18', 0],
  ['Living room', 'Confab', 0],
  ['', 'Gajim 1.7.3', 3],
  ['A laptop with a name that somebody took the time to write out in full', 'Dino', 9],
  ['', 'Profanity', 40],
  ['', '', 200],
].map(([name, software, days], i) => ({
  id: `many${i}`,
  name: String(name),
  software: String(software),
  connected: days === 0,
  lastSeen: Date.now() - Number(days) * 86_400_000,
  here: false,
}));
let devices: readonly Device[] = [
  { id: 'a', name: 'Firefox on Linux', software: 'Confab', connected: true, lastSeen: Date.now(), here: true },
  { id: 'b', name: 'Telephone', software: 'Conversations', connected: true, lastSeen: Date.now(), here: false },
  { id: 'c', name: '', software: 'Gajim', connected: false, lastSeen: Date.now() - 3 * 86_400_000, here: false },
];

const MINUTE = 60_000;
const DAY = 86_400_000;
/** Answers that are on their way: what waits for the end of something waits until there are none. */
let pending = 0;
async function later(ms: number): Promise<void> {
  pending++;
  await new Promise<void>((done) => setTimeout(done, ms));
  pending--;
}

interface MutableChat extends Chat {
  presence: Signal<Presence>;
  unread: Signal<number>;
  draft: Signal<string>;
  typing: Signal<boolean>;
  activity: Signal<number>;
  messages: Signal<readonly Message[]>;
  firstUnread: Signal<string | undefined>;
  older: Signal<'more' | 'loading' | 'start' | 'offline'>;
  settings: Signal<ChatSettings>;
}

let serial = 0;
function message(chat: Address, mine: boolean, time: number, body: string, mark: Mark = 'read'): Message {
  return { key: `m${++serial}`, chat, from: mine ? ME : chat, mine, time, body, mark: mine ? mark : 'sent' };
}

/** Until then today's messages would not have been written yet: so early, "today" is yesterday. */
const FIRST_HOUR = 7;

/** Today at hour:minute, or earlier by whole days; always the same figures on screen. */
function at(hour: number, minute: number, daysAgo = 0): number {
  const early = new Date().getHours() < FIRST_HOUR ? 1 : 0;
  const date = new Date(Date.now() - (daysAgo + early) * DAY);
  return date.setHours(hour, minute, 0, 0);
}

const page = () => (typeof location === 'undefined' ? 'http://localhost' : location.origin);
function withFile(chat: Address, mine: boolean, time: number, info: Partial<FileInfo>, mark?: Mark): Message {
  const name = info.name ?? 'lake.jpg';
  const file: FileInfo = { url: `${page()}/made/${name}`, name, type: 'image/jpeg', ...info };
  return { ...message(chat, mine, time, file.url, mark), file };
}
/** A picture of 8 by 6, as a sender would put in. */
const MINIATURE =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAGCAIAAABxZ0isAAAAeElEQVR4nAXBMREAMQgEwAiLgAiIgAjIUFNSfEGZoUIABQoYJJys3x2TsRibcRiXwYyP8Rhjai2trXW0rhZrfVpPa0yP5bE9jsf1YI/P43mMmbbSdtpJu2mc9qW9tDFbVstuOS23hVu+ltcyJmiBNuiALohBH+iBftfoTjFdr9lfAAAAAElFTkSuQmCC';
const LONG_FILE = 'Packing-list-final-with-everyones-comments-and-two-corrections';
const WAVE = Array.from({ length: 44 }, (_, k) => Math.round(31 * Math.abs(Math.sin(k * 0.55) * Math.cos(k * 0.21))));

/** Each kind of file in each state. */
export const UPLOADING = 'uploading';
function mediaTalk(chat: Address): Message[] {
  const file = (mine: boolean, h: number, m: number, info: Partial<FileInfo>, mark?: Mark) =>
    withFile(chat, mine, at(h, m), { thumb: MINIATURE, ...info }, mark);
  const size = { width: 1600, height: 1200 };
  const doc = { type: 'application/pdf', thumb: '' };
  const scenes = ['trail', 'lake', 'boat', 'wood', 'cabin', 'table', 'stars'];
  return [
    ...scenes.map((scene, i) => ({
      ...file(false, 4, 2, { ...size, name: `${scene}.jpg` }),
      time: at(4, 2) + i * 1000,
    })),
    { ...file(true, 4, 10, { ...size, name: 'lake.jpg' }), caption: 'Omar’s first solo. He stayed dry!' },
    file(false, 4, 12, { width: 900, height: 1600, name: 'tall.jpg' }),
    file(true, 4, 14, { width: 3000, height: 500, name: 'wide.jpg' }, 'delivered'),
    message(chat, true, at(4, 14) + 1000, 'From one end to the other', 'delivered'),
    {
      ...file(false, 4, 15, { ...doc, type: 'audio/webm', name: 'Voice message.webm', length: 41_000, wave: WAVE }),
      unheard: true,
    },
    file(true, 4, 16, { ...doc, type: 'audio/webm', name: 'Voice message.webm', length: 7000, wave: WAVE.slice(9) }),
    {
      ...file(true, 4, 20, { ...doc, url: '', name: 'Cabin-weekend-film.mkv', size: 92e6 }, 'sending'),
      key: UPLOADING,
    },
    {
      ...file(true, 4, 21, { ...doc, url: '', name: `${LONG_FILE}.pdf`, size: 3e6 }, 'failed'),
      failure: { code: 'unreachable', text: 'The connection broke at 60 %. It goes on from there.' } as Failure,
    },
    file(false, 4, 30, { ...doc, name: 'Cabin-house-rules.pdf', size: 240_000 }),
    file(false, 4, 31, { ...doc, type: 'text/plain', name: 'notes.txt', size: 1200 }),
    file(false, 4, 32, { ...doc, type: 'application/zip', name: `${LONG_FILE}${LONG_FILE}.tar.zip`, size: 7.31e9 }),
    file(false, 4, 33, { name: 'missing.jpg', ...size }),
    {
      ...message(chat, false, at(4, 34), 'All of it, at last. The map: https://example.org/map'),
      link: {
        url: 'https://example.org/map',
        title: 'The way to the cabin, by boat and by bus',
        about:
          'The last bus leaves the station at six. After that, walk along the shore until the lights of the jetty come into sight.',
        picture: MINIATURE,
      },
    },
  ];
}

const FAILURE: Failure = { code: 'unreachable', text: 'Not sent: the server of this person did not answer.' };

function miaTalk(chat: Address): Message[] {
  const say = (mine: boolean, h: number, m: number, body: string, mark?: Mark, days = 0) =>
    message(chat, mine, at(h, m, days), body, mark);
  return [
    say(false, 18, 2, 'I’ve booked the cabin for the 12th 🎉', undefined, 1),
    say(false, 18, 3, 'Two nights, a wood stove and no reception. Perfect.', undefined, 1),
    say(true, 18, 14, 'I can drive four, leaving Friday at four.', 'read', 1),
    say(true, 18, 15, 'Route and packing list are here: https://example.org/cabin (bring boots).', 'read', 1),
    say(false, 6, 10, 'The lake this morning. Ten past six, not a soul.'),
    say(true, 6, 24, 'Wow. Is that from our jetty?'),
    say(true, 6, 24, 'You should have woken me'),
    say(false, 6, 31, 'I knocked. Twice 😄'),
    say(false, 6, 33, '/me puts the kettle on'),
    say(true, 6, 40, 'Fair enough. Shall I bring anything tonight?'),
    say(false, 6, 42, 'Just yourself. And maybe that bread?'),
    say(true, 6, 43, 'Bread it is. See you at seven', 'delivered'),
    say(true, 6, 44, '🎉🙌', 'sent'),
  ];
}

function stateTalk(chat: Address): Message[] {
  const base = at(6, 0);
  const all = [
    message(chat, true, base, 'Read: it has been seen', 'read'),
    message(chat, true, base + 2 * MINUTE, 'Delivered: it is on one of their devices', 'delivered'),
    message(chat, true, base + 3 * MINUTE, 'Stored: the server has it for good', 'sent'),
    message(chat, true, base + 4 * MINUTE, 'Sending: not yet on the server', 'sending'),
    { ...message(chat, true, base + 12 * MINUTE, 'Are we still on for Thursday?', 'failed'), failure: FAILURE },
    {
      ...message(chat, false, base + 13 * MINUTE, 'This message is encrypted for another of your devices.'),
      opaque: true,
    },
  ];
  return all;
}

const LONG_NAME =
  'Bartholomew-Alexander von und zu Hohenstein-Wittelsbach-Schleswig-Holstein-Sonderburg (Northern Section)';
const LONG_WORD = 'Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen';

function edgeTalk(chat: Address): Message[] {
  const base = at(5, 31);
  return [
    message(
      chat,
      false,
      base,
      'صباح الخير! هل نلتقي عند البحيرة الساعة 7؟ سأحضر معي الخبز والقهوة (Espresso)، وربما بعض التمر أيضًا.',
    ),
    message(chat, true, base + MINUTE, 'نعم، ممتاز 👌'),
    message(chat, false, base + 2 * MINUTE, '週末の天気はどうですか？山の上はもう雪が降っているそうです。'),
    message(
      chat,
      false,
      base + 3 * MINUTE,
      `${LONG_WORD} https://example.org/a/very/long/path/that/never/ends/and/keeps/going?with=parameters&and=more`,
    ),
    message(
      chat,
      true,
      base + 4 * MINUTE,
      `${'A long message goes on and on, as people do when they have something to say. '.repeat(14)}`,
    ),
    message(chat, true, base + 5 * MINUTE, 'ok'),
    message(chat, false, base + 6 * MINUTE, 'one\ntwo\n\nfour lines, one of them empty'),
    message(
      chat,
      false,
      base + 7 * MINUTE,
      '<script>alert(1)</script> & <b>not bold</b> javascript:alert(1) http://user@evil',
    ),
    message(chat, false, base + 8 * MINUTE, '👨‍👩‍👧‍👦'),
  ];
}

const WORDS =
  'the lake is quiet this morning and nobody has been here before us so we took the long way round and had bread'.split(
    ' ',
  );
function manyMessages(chat: Address, count: number, end: number, seed = 1): Message[] {
  let state = seed;
  const random = () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
  const list: Message[] = [];
  let time = end - count * 3 * MINUTE;
  for (let i = 0; i < count; i++) {
    time += random() * 6 * MINUTE;
    const length = 1 + Math.floor(random() ** 3 * 60);
    const body = Array.from({ length }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ');
    list.push(message(chat, random() < 0.45, Math.min(time, end), `${i + 1}: ${body}`));
  }
  return list;
}

export interface Fixture extends App {
  /** For tests: make things happen that other people would. */
  receive(chat: Address, body: string): void;
  setConnection(next: Connection): void;
  setTypingOf(chat: Address, typing: boolean): void;
  sent: { chat: Address; body: string }[];
  sentFiles: { chat: Address; info: OutgoingFile['info']; size: number; bytes: number[] }[];
  /** What loading has shown of files. */
  learnt: { key: string; size?: number; width?: number; height?: number }[];
  seen: string[];
  /** How much of what was asked for is still to come. */
  pending(): number;
}

export function createFixture(options: FixtureOptions): Fixture {
  const settings = signal<Settings>({
    theme: 'system',
    textSize: 100,
    sound: true,
    ...options.settings,
  });
  const choices = signal<Choices>(DEFAULT_CHOICES);
  if (options.devices === 'one') devices = devices.filter((it) => it.here);
  if (options.devices === 'many') devices = [...devices, ...MANY_DEVICES];
  const now = Date.now();
  const states: Record<Connection['state'], Connection> = {
    online: { state: 'online' },
    following: { state: 'following' },
    connecting: { state: 'connecting', since: now - 5000 },
    waiting: { state: 'waiting', since: now - 9000, retryAt: now + 3_600_000 },
    offline: { state: 'offline', since: now - 9000 },
    ended: {
      state: 'ended',
      failure: { code: 'refused', text: 'The password of this account was changed on another device.' },
    },
  };
  const connection = signal<Connection>(states[options.connection]);
  const sent: Fixture['sent'] = [];
  const seen: string[] = [];
  const sentFiles: Fixture['sentFiles'] = [];
  const learnt: Fixture['learnt'] = [];
  const blobs = new Map<string, Blob>();
  const uploads = new Map<string, Signal<Upload | undefined>>();
  const pins = new Map<Address, Signal<readonly Pin[]>>();
  const pinsOf = (chat: Address) => {
    const made = pins.get(chat) ?? signal<readonly Pin[]>([]);
    pins.set(chat, made);
    return made;
  };
  const uploadOf = (key: string) => {
    let made = uploads.get(key);
    if (!made) {
      made = signal<Upload | undefined>(key === UPLOADING ? { state: 'running', sent: 31e6, total: 92e6 } : undefined);
      uploads.set(key, made);
    }
    return made;
  };
  const listeners = new Set<(message: Message) => void>();
  const full = options.content === 'full';
  const none = options.content === 'empty' || options.content === 'first';

  // ---------- faces ----------
  const hashes = new Map<Address, Signal<string>>();
  const faces = new Map<Address, Signal<Face>>();
  const hashOf = (address: Address) => {
    let made = hashes.get(address);
    if (!made) {
      const scene = none ? undefined : { 'mia@example.org': 'lake', 'omar@example.org': 'boat' }[address];
      made = signal(scene ? `${page()}/made/${scene}.jpg` : '');
      hashes.set(address, made);
    }
    return made;
  };
  const faceOf = (address: Address) => {
    let made = faces.get(address);
    if (!made) {
      const about =
        address === 'mia@example.org' && !none
          ? 'Boats, bread and early mornings.\nIf I do not answer I am on the lake.'
          : '';
      made = signal<Face>({ nick: address === ME ? 'Alex' : '', about });
      faces.set(address, made);
    }
    return made;
  };
  const portraits: Portraits = { of: hashOf, src: (hash) => hash, hold: () => () => {} };

  // ---------- people ----------
  const contacts = new Map<Address, Contact & { presence: Signal<Presence> }>();
  const contactsVersion = signal(0);
  const person = (
    name: string,
    address: Address,
    availability: Availability = 'offline',
    text = '',
    extra: Partial<Contact> = {},
  ) =>
    contacts.set(address, {
      address,
      name,
      given: name,
      subscription: 'both',
      asked: false,
      blocked: false,
      ...extra,
      presence: signal({ availability, text }),
    });
  if (!none) {
    person('Mia', 'mia@example.org', 'online', '🛶 On the water until noon');
    person('Noah', 'noah@example.org', 'away');
    person('Lena', 'lena@example.org', 'online');
    person('Omar', 'omar@example.org', 'busy', 'Writing, please only if it burns');
    person('Sofia', 'sofia@example.net');
    person('田中 由紀', 'yuki@example.jp', 'busy');
    person('أمير', 'amir@example.org');
    person('Paul', 'paul@example.org', 'offline', '', { subscription: 'none', asked: true });
    person('Kofi', 'kofi@example.org', 'offline', '', { blocked: true, subscription: 'none' });
    person('Hana', 'hana@example.org', 'away', 'back at three');
  }
  if (full) {
    person(
      LONG_NAME,
      'bartholomew-alexander.hohenstein-wittelsbach@a-rather-long-domain.example.org',
      'online',
      'A status text that is much longer than any row of any list could ever show at once',
    );
    const kinds: Availability[] = ['online', 'away', 'busy', 'offline', 'offline'];
    for (let i = 0; i < 10_000; i++)
      person(`Person ${String(i).padStart(5, '0')}`, `person${i}@example.org`, kinds[i % 5]);
  }
  const contactOrder = signal<readonly Address[]>(
    [...contacts.values()].sort((a, b) => a.name.localeCompare(b.name)).map((it) => it.address),
  );
  const blocked = signal<readonly Address[]>([...contacts.values()].filter((it) => it.blocked).map((it) => it.address));
  const requests = signal<readonly ContactRequest[]>(
    none
      ? []
      : [
          { address: 'elif@example.net', name: 'Elif', text: 'We met at the regatta, remember?' },
          ...(full
            ? Array.from({ length: 12 }, (_, i) => ({
                address: `stranger${i}@spam.example`,
                name: i === 0 ? LONG_NAME : `stranger${i}`,
                text: '',
              }))
            : []),
        ],
  );
  const bump = () => {
    contactsVersion.value++;
  };

  // ---------- chats ----------
  const chats = new Map<Address, MutableChat>();
  /** Pages of the archive that nobody has looked at. */
  const earlier = new Map<Address, number>([['hana@example.org', options.earlier ?? 0]]);
  const allChats = signal<readonly Address[]>([]);
  const isArchived = (address: Address) => {
    const { settings, muted, activity } = chatOf(address);
    const { archived } = settings.value;
    return archived !== undefined && (muted.value || activity.value <= archived);
  };
  const archivedOrder = computed(() => allChats.value.filter(isArchived));
  const chatOrder = computed(() => {
    const list = allChats.value.filter((it) => !isArchived(it));
    const pinned = (it: Address) => chatOf(it).settings.value.pinned === true;
    return [...list.filter(pinned), ...list.filter((it) => !pinned(it))];
  });
  const chatOf = (address: Address): MutableChat => {
    let made = chats.get(address);
    if (!made) {
      const messages = signal<readonly Message[]>([]);
      const fallback = signal<Presence>({ availability: 'offline', text: '' });
      const settings = signal<ChatSettings>({});
      made = {
        address,
        kind: address === ME ? 'self' : 'person',
        name: computed(() => (contactsVersion.value < 0 ? '' : (contacts.get(address)?.name ?? address))),
        presence: contacts.get(address)?.presence ?? fallback,
        last: computed(() => messages.value.at(-1)),
        unread: signal(0),
        draft: signal(''),
        typing: signal(false),
        activity: signal(0),
        settings,
        muted: computed(() => (settings.value.muted ?? 0) > Date.now()),
        messages,
        firstUnread: signal<string | undefined>(undefined),
        older: signal<'more' | 'loading' | 'start' | 'offline'>('start'),
      };
      chats.set(address, made);
    }
    return made;
  };
  const fill = (address: Address, messages: Message[], unread = 0, draft = '') => {
    const chat = chatOf(address);
    chat.messages.value = messages;
    chat.unread.value = unread;
    chat.draft.value = draft;
    chat.activity.value = messages.at(-1)?.time ?? 0;
    if (unread > 0) chat.firstUnread.value = messages.at(-unread)?.key;
  };
  if (!none) {
    fill('mia@example.org', miaTalk('mia@example.org'));
    fill(
      'lena@example.org',
      manyMessages('lena@example.org', 40, at(5, 58)).concat(
        message('lena@example.org', false, at(5, 58), 'Are you coming to the boathouse?'),
        message('lena@example.org', false, at(5, 59), 'We start at nine'),
      ),
      2,
    );
    fill(
      'noah@example.org',
      [message('noah@example.org', false, at(5, 12), 'Here is the list')],
      0,
      'Could you send me the second page',
    );
    fill('omar@example.org', [message('omar@example.org', true, at(4, 20), 'The view from the top')]);
    fill('sofia@example.net', stateTalk('sofia@example.net'));
    fill('yuki@example.jp', [message('yuki@example.jp', false, at(9, 0, 2), '週末の天気はどうですか？')]);
    fill('hana@example.org', mediaTalk('hana@example.org'));
    fill('unknown@elsewhere.example', [
      withFile('unknown@elsewhere.example', false, at(3, 2), {
        url: 'https://elsewhere.example/pictures/look.jpg',
        width: 1200,
        height: 800,
        size: 310_000,
        thumb: MINIATURE,
      }),
    ]);
    fill('amir@example.org', [message('amir@example.org', false, at(9, 0, 3), 'شكراً جزيلاً، أراك غداً إن شاء الله')]);
    fill('paul@example.org', [
      message('paul@example.org', true, at(9, 0, 40), 'Hello Paul, this is Alex', 'delivered'),
    ]);
    fill(ME, [message(ME, true, at(8, 0, 1), 'Bread, candles, the big pot')]);
  }
  if (full) {
    const long = 'bartholomew-alexander.hohenstein-wittelsbach@a-rather-long-domain.example.org';
    fill(long, edgeTalk(long), 1284);
    chatOf(long).firstUnread.value = undefined;
    fill('person0@example.org', manyMessages('person0@example.org', 100_000, at(6, 50)), 0);
    chatOf('person1@example.org').older.value = 'more';
    fill('person1@example.org', manyMessages('person1@example.org', 60, at(3, 0), 7));
    chatOf('person1@example.org').older.value = 'more';
    fill('person2@example.org', manyMessages('person2@example.org', 400, at(3, 30), 9), 120);
    for (let i = 3; i < 3000; i++)
      fill(
        `person${i}@example.org`,
        [message(`person${i}@example.org`, i % 3 === 0, now - i * 37 * MINUTE, `${i}: ${LONG_WORD}`, 'delivered')],
        i % 9 === 0 ? i % 140 : 0,
      );
  }
  const sort = () => {
    allChats.value = [...chats.values()]
      .filter((it) => it.messages.peek().length > 0)
      .sort((a, b) => b.activity.peek() - a.activity.peek())
      .map((it) => it.address);
  };
  sort();
  if (options.kept) {
    chatOf('noah@example.org').settings.value = { pinned: true };
    chatOf('lena@example.org').settings.value = { muted: Number.POSITIVE_INFINITY };
    for (const who of ['paul@example.org', 'yuki@example.jp']) chatOf(who).settings.value = { archived: now };
  }
  const allUnread = computed(() =>
    chatOrder.value.reduce((sum, it) => sum + (chatOf(it).muted.value ? 0 : chatOf(it).unread.value), 0),
  );

  const put = (chat: MutableChat, it: Message) => {
    chat.messages.value = [...chat.messages.peek(), it];
    chat.activity.value = it.time;
    sort();
  };
  const change = (chat: MutableChat, key: string, by: Partial<Message>) => {
    chat.messages.value = chat.messages.peek().map((it) => (it.key === key ? { ...it, ...by } : it));
  };
  const findByKey = (key: string) =>
    [...chats.values()].find((chat) => chat.messages.peek().some((it) => it.key === key));
  const deliver = async (chat: MutableChat, key: string) => {
    if (connection.peek().state !== 'online') return;
    for (const mark of ['sent', 'delivered', 'read'] as const) {
      await later(250);
      change(chat, key, { mark });
    }
  };

  const timeline = (address: Address): Timeline => {
    const chat = chatOf(address);
    let page = 0;
    return {
      chat: address,
      messages: chat.messages,
      older: chat.older,
      cold: signal(options.content === 'first'),
      fetching: signal(false),
      firstUnread: chat.firstUnread,
      async loadOlder() {
        if (chat.older.peek() !== 'more') return;
        chat.older.value = 'loading';
        await later(120);
        const first = chat.messages.peek()[0];
        const more = manyMessages(address, 50, (first?.time ?? now) - 10 * MINUTE, 100 + page++);
        chat.messages.value = [...more, ...chat.messages.peek()];
        chat.older.value = page < 20 ? 'more' : 'start';
      },
      seen(key) {
        seen.push(key);
        if (chat.messages.peek().at(-1)?.key === key) chat.unread.value = 0;
      },
      close() {},
    };
  };

  const account: Account = { address: ME, name: 'Alex', unread: allUnread, portraits };
  const presence = signal<Presence>({ availability: 'online', text: '' });
  const wrong = async (password: string): Promise<Failure | undefined> => {
    await later(300);
    return password === 'wrong'
      ? { code: 'refused', text: 'That password does not fit this address. Check Caps Lock and try again.' }
      : undefined;
  };
  const session: Session = {
    account,
    connection,
    presence,
    chatOrder,
    archivedOrder,
    chat: chatOf,
    async setChat(address, change) {
      const { settings } = chatOf(address);
      const { archived, ...rest } = change;
      const next: ChatSettings = { ...settings.value };
      for (const [name, value] of Object.entries(rest)) Object.assign(next, { [name]: value });
      if (archived) next.archived = Date.now();
      else if (archived === false) delete next.archived;
      if (next.muted === undefined) delete next.muted;
      settings.value = next;
    },
    contactOrder,
    contact: (address) => contacts.get(address),
    contactsVersion,
    requests,
    blocked,
    unread: allUnread,
    ready: signal(options.content !== 'first'),
    firstStart: signal(options.content === 'first'),
    timeline,
    async send(address, body, replyTo, link) {
      sent.push({ chat: address, body });
      const chat = chatOf(address);
      const it = message(address, true, Date.now(), body, 'sending');
      const answered = chat.messages.peek().find((m) => m.key === replyTo);
      if (link) it.link = link;
      if (answered) it.reply = { from: answered.from, quote: answered.body, key: answered.key };
      put(chat, it);
      void deliver(chat, it.key);
    },
    async sendFiles(address, files, caption) {
      const chat = chatOf(address);
      for (const { blob, info } of files) {
        const bytes = [...new Uint8Array(await blob.slice(0, 4096).arrayBuffer())];
        sentFiles.push({ chat: address, info, size: blob.size, bytes });
        const file: FileInfo = { ...info, url: '', size: blob.size };
        const it: Message = { ...message(address, true, Date.now(), '', 'sending'), file };
        blobs.set(it.key, blob);
        uploadOf(it.key).value = { state: 'running', sent: blob.size / 3, total: blob.size };
        put(chat, it);
        if (options.stuck) continue;
        void later(400).then(() => {
          uploadOf(it.key).value = undefined;
          change(chat, it.key, { file: { ...file, url: `${page()}/made/${info.name}` } });
          void deliver(chat, it.key);
        });
      }
      if (caption) await session.send(address, caption);
    },
    upload: uploadOf,
    uploadMax: signal(options.uploadMax),
    localFile: async (key) => blobs.get(key),
    reach: (url) => url,
    isOwnHost: (url) => new URL(url).origin === page(),
    async shared(address) {
      const all = chatOf(address).messages.peek();
      const messages = all.filter((it) => it.file || /https?:/.test(it.body)).reverse();
      return { messages, complete: !(earlier.get(address) ?? 0) };
    },
    async sharedOlder(address) {
      if (connection.peek().state !== 'online') return 'offline';
      await later(options.stuck ? 60_000 : 60);
      const left = earlier.get(address) ?? 0;
      earlier.set(address, Math.max(0, left - 1));
      // Every other page has something in it.
      const chat = chatOf(address);
      const first = chat.messages.peek()[0]?.time ?? Date.now();
      const old = Array.from({ length: 40 }, (_, i) =>
        left % 2
          ? withFile(address, false, first - DAY + i, { name: `earlier-${left}-${i}.jpg`, thumb: MINIATURE })
          : message(address, false, first - DAY + i, 'words'),
      );
      if (left > 0) chat.messages.value = [...old, ...chat.messages.peek()];
      return left > 1 ? 'more' : 'start';
    },
    learn(key, facts) {
      learnt.push({ key, ...facts });
    },
    heard(key) {
      const chat = findByKey(key);
      if (chat) change(chat, key, { unheard: false });
    },
    async retry(key) {
      const chat = findByKey(key);
      if (!chat) return;
      change(chat, key, { mark: 'sending' });
      void deliver(chat, key);
    },
    async searchHere(query, within, _stop) {
      const hits: Hit[] = [];
      for (const address of within === undefined ? chatOrder.peek() : [within])
        for (const { key, mine, time, body } of chatOf(address).messages.peek())
          if (termsMatch(termsOf(body), termsOf(query)))
            hits.push({ id: key, key, chat: address, mine, time, text: body, file: false, idents: [] });
      return hits.sort((a, b) => b.time - a.time).slice(0, 200);
    },
    async searchThere() {
      return connection.peek().state === 'online' ? { hits: [], next: undefined } : 'offline';
    },
    async keyOf(hit) {
      return hit.key;
    },
    async message(key) {
      return findByKey(key)
        ?.messages.peek()
        .find((it) => it.key === key);
    },
    async edit(key, body) {
      const chat = findByKey(key);
      const old = chat?.messages.peek().find((it) => it.key === key);
      if (chat && old)
        change(chat, key, {
          body,
          edited: Date.now(),
          earlier: [...(old.earlier ?? []), { body: old.body, time: old.edited ?? old.time }],
        });
    },
    async forward(keys, chats) {
      const found = keys.map((key) =>
        findByKey(key)
          ?.messages.peek()
          .find((it) => it.key === key),
      );
      for (const address of chats)
        for (const it of found)
          if (it)
            put(chatOf(address), {
              ...message(address, true, Date.now(), it.body, 'sent'),
              ...(it.file && { file: it.file }),
            });
    },
    pins: pinsOf,
    async pin(key) {
      const chat = findByKey(key);
      const it = chat?.messages.peek().find((m) => m.key === key);
      if (!chat || !it) return;
      const hit: Hit = { id: key, key, chat: it.chat, mine: it.mine, time: it.time, text: '', file: false, idents: [] };
      const all = [...pinsOf(it.chat).peek(), { items: [key], hit, message: it }];
      pinsOf(it.chat).value = all.sort((a, b) => a.hit.time - b.hit.time);
    },
    async unpin({ hit, items }) {
      const pins = pinsOf(hit.chat);
      pins.value = pins.peek().filter((it) => it.items[0] !== items[0]);
    },
    async retract(keys) {
      for (const key of keys) {
        const chat = findByKey(key);
        if (chat)
          change(chat, key, {
            body: '',
            file: undefined,
            reactions: undefined,
            reply: undefined,
            edited: undefined,
            retracted: true,
          });
      }
    },
    async hide(keys) {
      for (const key of keys) {
        const chat = findByKey(key);
        if (chat) chat.messages.value = chat.messages.peek().filter((it) => it.key !== key);
      }
    },
    async react(key, sign, on) {
      const chat = findByKey(key);
      const old = chat?.messages.peek().find((it) => it.key === key)?.reactions ?? [];
      const rest = old.map((it) => (it.sign === sign ? { sign, from: it.from.filter((who) => who !== ME) } : it));
      const without = rest.filter((it) => it.from.length > 0);
      const known = without.some((it) => it.sign === sign);
      const next = !on
        ? without
        : known
          ? without.map((it) => (it.sign === sign ? { sign, from: [...it.from, ME] } : it))
          : [...without, { sign, from: [ME] }];
      if (chat) change(chat, key, { reactions: next });
    },
    async discard(key) {
      const chat = findByKey(key);
      if (chat) chat.messages.value = chat.messages.peek().filter((it) => it.key !== key);
    },
    setDraft(address, text) {
      chatOf(address).draft.value = text;
    },
    setTyping() {},
    portraits,
    face: faceOf,
    look() {},
    async setProfile(change) {
      await later(200);
      const face = faceOf(ME);
      face.value = { nick: change.name ?? face.value.nick, about: change.about ?? face.value.about };
      return undefined;
    },
    async setPicture(picture) {
      await later(200);
      hashOf(ME).value = picture ? URL.createObjectURL(new Blob([picture.bytes])) : '';
      return undefined;
    },
    setPresence(availability, text) {
      presence.value = { availability, text };
    },
    async addContact(address, name) {
      await later(200);
      if (address.startsWith('nobody'))
        return { code: 'not-found', text: 'There is nobody with this address. Check the spelling.' };
      person(name ?? address.split('@')[0]!, address, 'offline', '', { subscription: 'none', asked: true });
      contactOrder.value = [...contacts.values()].sort((a, b) => a.name.localeCompare(b.name)).map((it) => it.address);
      bump();
      return undefined;
    },
    async acceptRequest(address) {
      await later(200);
      const request = requests.peek().find((it) => it.address === address);
      requests.value = requests.peek().filter((it) => it.address !== address);
      person(request?.name ?? address, address, 'online');
      contactOrder.value = [...contactOrder.peek(), address];
      bump();
      return undefined;
    },
    async refuseRequest(address) {
      requests.value = requests.peek().filter((it) => it.address !== address);
      return undefined;
    },
    async renameContact(address, name) {
      await later(200);
      const it = contacts.get(address);
      if (it) contacts.set(address, { ...it, name: name || address });
      bump();
      return undefined;
    },
    async removeContact(address) {
      contacts.delete(address);
      contactOrder.value = contactOrder.peek().filter((it) => it !== address);
      bump();
      return undefined;
    },
    async setBlocked(address, on) {
      const it = contacts.get(address);
      if (it) contacts.set(address, { ...it, blocked: on });
      blocked.value = on ? [...blocked.peek(), address] : blocked.peek().filter((other) => other !== address);
      bump();
      return undefined;
    },
    async devices() {
      return devices;
    },
    async signOutDevice(id) {
      devices = devices.filter((it) => it.id !== id);
      return undefined;
    },
    changePassword: (old) => wrong(old),
    choices,
    setChoices(by) {
      choices.value = { ...choices.peek(), ...by };
    },
    exportAddress: async () => `${page()}/made/export.xml`,
    deleteAccount: (password) => wrong(password),
    async signOut() {
      current.value = undefined;
    },
    onIncoming(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reconnect() {
      connection.value = { state: 'connecting', since: Date.now() - 3000 };
      void later(800).then(() => {
        connection.value = { state: 'online' };
      });
    },
  };

  const others: Account[] = Array.from({ length: (options.accounts ?? 1) - 1 }, (_, i) => ({
    address: i === 0 ? 'alex@club.example' : `alex${i}@example.com`,
    name: i === 0 ? 'Alex at the club' : `Alex ${i}`,
    unread: signal(i === 0 ? 4 : 0),
    portraits,
  }));
  const known = signal<readonly Account[]>(options.signedIn || (options.accounts ?? 0) > 1 ? [account, ...others] : []);
  const current = signal<Session | undefined>(options.signedIn ? session : undefined);
  return {
    ready: signal(true),
    accounts: known,
    session: current,
    settings,
    setSettings(by) {
      settings.value = { ...settings.peek(), ...by };
    },
    domain: signal('example.org'),
    registrationOpen: signal(options.registrationOpen ?? true),
    async signIn({ password }) {
      const failure = await wrong(password);
      if (!failure) current.value = session;
      return failure;
    },
    async register({ address }) {
      await later(300);
      if (address.startsWith('taken')) return { code: 'conflict', text: 'This name is taken. Choose another one.' };
      current.value = session;
      return undefined;
    },
    switchAccount() {
      current.value = session;
    },
    addAccount() {
      current.value = undefined;
    },
    receive(address, body) {
      const chat = chatOf(address);
      const it = message(address, false, Date.now(), body);
      put(chat, it);
      chat.unread.value++;
      for (const listener of listeners) listener(it);
    },
    setConnection(next) {
      connection.value = next;
    },
    setTypingOf(address, typing) {
      chatOf(address).typing.value = typing;
    },
    sent,
    sentFiles,
    learnt,
    seen,
    pending: () => pending,
  };
}
