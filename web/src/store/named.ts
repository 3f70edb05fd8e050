// Messages that are named in private nodes of mine (mirror.ts), so that each of my devices finds them, in the archive or by
// their sender's id:
//
//   <pin xmlns='urn:confab:pins:0' chat='noah@example.org' from='mia@example.org' id='ID' archive='ID' time='2026-11-23T10:00:00.000Z'/>
//
// The words are not in it: what is taken back or changed must not live on there.
import { ident } from '../db/messages';
import type { MessageRow } from '../db/schema';
import { bare } from '../xmpp/jid';
import { write, x } from '../xmpp/xml';
import { payloadOf } from './mirror';
import type { Address, Hit } from './model';

/** What stands in an item of that element; undefined: nothing that this app could find. */
export function readNamed(name: string, ns: string, xml: string, own: Address): Hit | undefined {
  const el = payloadOf(xml);
  if (!el?.is(name, ns)) return undefined;
  const [chat = '', from = '', id = '', archive = '', time = ''] = ['chat', 'from', 'id', 'archive', 'time'].map(
    (attr) => el.attr(attr),
  );
  const ms = Date.parse(time);
  if (chat === '' || bare(chat) !== chat || (from !== own && from !== chat)) return undefined;
  if (Number.isNaN(ms) || (id === '' && archive === '')) return undefined;
  return {
    id: archive,
    chat,
    mine: from === own,
    time: ms,
    text: '',
    file: false,
    idents: id === '' ? [] : [ident(chat, from, id)],
  };
}

/** The item for a message, and what it goes by; undefined: no other device could find it. */
export function writeNamed(name: string, ns: string, row: MessageRow): { item: string; xml: string } | undefined {
  const id = row.originId ?? row.id;
  const item = row.archiveId || id;
  if (!item) return undefined;
  const attrs = {
    xmlns: ns,
    chat: row.chat,
    from: row.from,
    id: id || undefined,
    archive: row.archiveId,
    time: new Date(row.time).toISOString(),
  };
  return { item, xml: write(x(name, attrs)) };
}

/** The ids that an item for this message may have: devices know it by the one or the other. */
export const itemsFor = (row: MessageRow): string[] =>
  [row.archiveId, row.originId, row.id].filter((id): id is string => !!id);
