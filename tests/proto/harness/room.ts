// Rooms (XEP-0045) as clients see them: entering, talking, asking; and how to know that a room has nothing more to say.

import { type Client, freshId } from './client.ts';
import { dialogueError } from './transcript.ts';
import { type El, NS, x } from './xml.ts';

export const MUC = 'http://jabber.org/protocol/muc';
export const USER = `${MUC}#user`;
export const ADMIN = `${MUC}#admin`;
export const ROOM_OWNER = `${MUC}#owner`;
const DATA = 'jabber:x:data';

let serial = 0;
/** An address that no room has had. */
export const roomName = (c: Client, name = 'room'): string =>
  `${name}-${process.pid}-${Date.now().toString(36)}-${++serial}@groups.${c.ports.domain}`;

/** What somebody was given who entered, up to the subject. */
export interface Entered {
  others: El[];
  self: El;
  history: El[];
  subject: El;
}

export const codes = (el: El): string[] =>
  el
    .child('x', USER)
    ?.elements()
    .filter((c) => c.name === 'status')
    .map((c) => c.need('code')) ?? [];

export function roomItem(el: El): El {
  const inside = el.child('x', USER);
  if (!inside) throw dialogueError(`no <x/> of the room in ${el}`);
  return inside.at('item');
}

/** "affiliation/role", and whose if it is said. */
export const standing = (el: El): string => {
  const item = roomItem(el);
  const jid = item.attr('jid');
  return `${item.attr('affiliation')}/${item.attr('role')}${jid ? ` ${jid}` : ''}`;
};

export const entering = (room: string, nick: string, inside = '', beside = ''): string =>
  x`<presence to='${`${room}/${nick}`}'>` + `<x xmlns='${MUC}'>${inside}</x>${beside}</presence>`;

/** Enters; fails when anything is not in the order of section 7.1: others, self, history, subject. */
export async function enter(c: Client, room: string, nick: string, inside = '', beside = ''): Promise<Entered> {
  c.send(entering(room, nick, inside, beside));
  return entered(c, room);
}

export async function entered(c: Client, room: string): Promise<Entered> {
  const from = (i: { kind: string; el?: El }) => i.kind === 'element' && bareOf(i.el!) === room;
  const others: El[] = [];
  const history: El[] = [];
  let self: El | undefined;
  for (;;) {
    await c.until(() => c.inbox.some(from), `what ${room} gives who enters`);
    const at = c.inbox.findIndex(from);
    const { el } = c.inbox.splice(at, 1)[0] as { el: El };
    if (el.attr('type') === 'error') throw dialogueError(`${c.label} may not enter: ${el}`);
    if (el.name === 'presence') {
      if (self) throw dialogueError(`${c.label}: presence behind its own: ${el}`);
      if (codes(el).includes('110')) self = el;
      else others.push(el);
    } else if (!self) {
      throw dialogueError(`${c.label}: a message before its own presence: ${el}`);
    } else if (el.child('subject') && !el.child('body')) {
      return { others, self, history, subject: el };
    } else history.push(el);
  }
}

const bareOf = (el: El): string => (el.attr('from') ?? '').split('/')[0]!;

/** A form as it is submitted. */
export const submitting = (fields: Record<string, string>, type = `${MUC}#roomconfig`): string =>
  `<x xmlns='${DATA}' type='submit'><field var='FORM_TYPE'><value>${type}</value></field>${Object.entries(fields)
    .map(([name, value]) => x`<field var='${name}'><value>${value}</value></field>`)
    .join('')}</x>`;

export const configuring = (fields: Record<string, string> = {}): string =>
  `<query xmlns='${ROOM_OWNER}'>${submitting(
    Object.fromEntries(Object.entries(fields).map(([k, v]) => [`muc#roomconfig_${k}`, v])),
  )}</query>`;

/** A new room of c's, open for others. */
export async function makeRoom(c: Client, nick: string, fields: Record<string, string> = {}): Promise<string> {
  const room = roomName(c);
  const { self } = await enter(c, room, nick);
  if (!codes(self).includes('201')) throw dialogueError(`${room} was there already: ${self}`);
  await c.set(configuring(fields), room);
  return room;
}

export const admin = (items: string): string => `<query xmlns='${ADMIN}'>${items}</query>`;
export const affiliate = (jid: string, affiliation: string, more = ''): string =>
  admin(x`<item jid='${jid}' affiliation='${affiliation}'>` + `${more}</item>`);
export const giveRole = (nick: string, role: string, more = ''): string =>
  admin(x`<item nick='${nick}' role='${role}'>` + `${more}</item>`);

export const says = (room: string, text: string, more = '', id = freshId('m')): string =>
  x`<message type='groupchat' to='${room}' id='${id}'><body>${text}</body>` + `${more}</message>`;

/** Says it and waits until it comes back: all that stood before it in the room has been told to everybody. */
export async function say(c: Client, room: string, text: string, more = ''): Promise<El> {
  const id = freshId('m');
  c.send(says(room, text, more, id));
  return c.pick(x`<message type='groupchat' id='${id}'/>`);
}

/** The room has decided all that c sent it, and c has what the room had to say by then (a set waits for its turn, whatever it is). */
export async function roomSettled(c: Client, room: string): Promise<void> {
  await c.fails(c.iq('set', `<query xmlns='${ADMIN}'/>`, room), 'modify', 'bad-request');
}

/** Nothing of the room's waits to be read. */
export async function roomIsSilent(c: Client, room: string): Promise<void> {
  await roomSettled(c, room);
  const item = c.inbox.find((i) => i.kind === 'element' && bareOf(i.el) === room);
  if (item) throw dialogueError(`${c.label} expected silence: ${'el' in item ? item.el : item.kind}`);
}

export const roomInfo = async (c: Client, room: string): Promise<string[]> =>
  (await c.get(`<query xmlns='${NS.info}'/>`, room))
    .at('query')
    .elements()
    .filter((f) => f.name === 'feature')
    .map((f) => f.need('var'));
