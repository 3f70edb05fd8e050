// A month of messages, written into the archive of an account as if they had come: by SQL, while the server is down.

import { sql } from './disk.ts';
import type { Account } from './login.ts';
import type { Server } from './server.ts';

const DAY_US = 86_400_000_000;
const COLUMNS =
  'INSERT INTO messages (id, out_account, out_sequence, out_peer, out_flags, in_account, in_sequence, in_peer, in_flags, origin, stanza)';

export interface Month {
  /** With so many there is a conversation already: one message of one's own, 31 days ago. */
  contacts: number;
  /** So many have come in the 30 days since. */
  count: number;
  /** From which contact the n-th is, as SQL of n. */
  who: string;
}

export const friend = (server: Server, c: number) => `friend${String(c).padStart(4, '0')}@${server.domain}`;

/** What is 0 is left out. The server is started again. The bodies end in the number of the message. */
export async function fillMonth(server: Server, account: Account, { contacts, count, who }: Month): Promise<void> {
  await server.end();
  const from = `printf('friend%04d@${server.domain}', c)`;
  const start = Date.now() * 1000 - 31 * DAY_US;
  const stanza = (head: string, text: string) =>
    `CAST(${head} || ' type=''chat'' id=''' || printf('%036d', n) || '''><body>' || ${text} || '</body></message>' AS BLOB)`;
  const own = `'<message xmlns=''jabber:client'' from=''${account.jid}/phone'' to=''' || ${from} || ''''`;
  const theirs = `'<message xmlns=''jabber:client'' from=''' || ${from} || '/phone'' to=''${account.jid}'''`;
  const id = `(SELECT id FROM accounts WHERE jid = '${account.jid}')`;
  const last =
    '(SELECT max(x) FROM (SELECT coalesce(max(id), 0) AS x FROM messages UNION ALL SELECT message FROM archive_settled))';
  const numbers = (n: number) => `WITH RECURSIVE k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n + 1 < ${n})`;
  const written = `${COLUMNS} ${numbers(contacts)}, r AS (SELECT n, n AS c FROM k)
  SELECT at + 1 + n, account, ${start} + n, ${from}, 9, 0, 0, NULL, 0, 0, ${stanza(own, "'see you'")} FROM r, base;`;
  const come = `${COLUMNS} ${numbers(count)}, r AS (SELECT n, ${who} AS c FROM k)
  SELECT at + ${contacts} + 1 + n, 0, 0, NULL, 0, account, ${start} + ${DAY_US} + n * ${Math.floor((30 * DAY_US) / Math.max(count, 1))}, ${from}, 10, 0,
    ${stanza(theirs, `substr('${'lorem ipsum dolor sit amet '.repeat(10)}', 1, 126) || printf('%06d', n)`)} FROM r, base;`;
  sql(
    server,
    `BEGIN;
CREATE TEMP TABLE base AS SELECT ${last} AS at, ${id} AS account;
${contacts > 0 ? written : ''}
${count > 0 ? come : ''}
COMMIT;`,
  );
  await server.launch();
}

/** Some write much, each writes something: for 500 contacts and 50,000 messages. */
export const MONTH = {
  contacts: 500,
  count: 50_000,
  who: 'CASE WHEN n < 49500 THEN (n * n / 3) % 500 ELSE n % 500 END',
  /** The same as `who`. */
  writer: (n: number) => (n < 49_500 ? Math.floor((n * n) / 3) % 500 : n % 500),
} as const;
