// What I want of a chat, the same on all my devices: on top of the list, silent, out of the list. An item of a private node for each
// chat (docs/decisions/016-chat-settings.md):
//
//   <chat xmlns='urn:confab:chats:0' pinned='true' archived='2026-11-23T10:00:00.000Z'>
//     <notify xmlns='urn:xmpp:notification-settings:1'>
//       <never><advanced><until xmlns='urn:confab:chats:0'>2026-11-23T18:00:00.000Z</until></advanced></never>
//     </notify>
//   </chat>
import { NS } from '../xmpp/ns';
import { type El, type Node, write, x } from '../xmpp/xml';
import { payloadOf } from './mirror';
import type { ChatSettings } from './model';

export const PLAIN: ChatSettings = Object.freeze({});

/** Dates beyond this are for ever. */
const LATEST = 8.64e15;

const time = (text: string | undefined): number | undefined => {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : ms;
};
const stamp = (ms: number) => new Date(ms).toISOString();

/** XEP-0492: what is said to apps of the web is meant before what is said to all. */
function settingFor(notify: El): El | undefined {
  const all = notify.elements();
  const fits = (category: string | undefined, type: string | undefined) =>
    all.find((el) => el.attr('identity-category') === category && el.attr('identity-type') === type);
  return fits('client', 'web') ?? fits('client', undefined) ?? fits(undefined, undefined);
}

export function readSettings(xml: string): ChatSettings {
  const el = payloadOf(xml);
  if (!el?.is('chat', NS.chats)) return PLAIN;
  const notify = el.child('notify', NS.notify);
  const setting = notify && settingFor(notify);
  const pinned = el.attr('pinned');
  const archived = time(el.attr('archived'));
  const until = setting?.child('advanced')?.child('until', NS.chats);
  return {
    ...((pinned === 'true' || pinned === '1') && { pinned: true }),
    ...(setting?.name === 'never' && {
      muted: until === undefined ? Number.POSITIVE_INFINITY : (time(until.text()) ?? 0),
    }),
    ...(archived !== undefined && { archived }),
  };
}

/** The item that says so; '' when there is nothing to say. What other programs have put into it stays. */
export function writeSettings(old: string, { pinned, muted, archived }: ChatSettings): string {
  const before = payloadOf(old);
  const known = before?.is('chat', NS.chats) ? before : undefined;
  const others: Node[] = (known?.elements() ?? []).filter((el) => !el.is('notify', NS.notify));
  const settings = known?.child('notify', NS.notify)?.elements() ?? [];
  // Those for other kinds of programs are theirs; the one for all, and those for this kind, are what is chosen here.
  const theirs = settings.filter((el) => {
    const category = el.attr('identity-category');
    return category !== undefined && (category !== 'client' || (el.attr('identity-type') ?? 'web') !== 'web');
  });
  const mine =
    muted === undefined
      ? undefined
      : x(
          'never',
          { xmlns: NS.notify },
          muted < LATEST && x('advanced', {}, x('until', { xmlns: NS.chats }, stamp(muted))),
        );
  const notify = mine || theirs.length > 0 ? x('notify', { xmlns: NS.notify }, mine, ...theirs) : undefined;
  if (!pinned && archived === undefined && !notify && others.length === 0) return '';
  return write(
    x(
      'chat',
      {
        xmlns: NS.chats,
        pinned: pinned ? 'true' : undefined,
        archived: archived === undefined ? undefined : stamp(archived),
      },
      notify,
      ...others,
    ),
  );
}
