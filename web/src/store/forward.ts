// Messages sent on into other chats: each is a message of my own with the same words or the same file, by the outbox as any.
// Decided: a copy, not XEP-0297's wrapping and no mark. What is wrapped shows nothing in most other apps, and whoever forwards
// could have written into the wrapping whatever they like: nobody could vouch for "this is what Mia said".
// A file goes by its address, without another upload: what stands in messages never expires and asks nobody who they are
// (docs/decisions/006), so who is told it can fetch it, for as long as the one who uploaded it leaves it there.
import { byKey } from '../db/messages';
import type { AccountDb, MessageRow } from '../db/schema';
import { Batch } from './batch';
import type { Change } from './changes';
import { addMine } from './outbox';

/** Undefined: there is nothing (left) of it that could be sent on. */
function contentOf(row: MessageRow | undefined) {
  if (!row || row.retracted || row.hidden || row.opaque) return undefined;
  if (!row.file) return row.body.trim() === '' ? undefined : { body: row.body, unstyled: row.unstyled };
  return row.file.url === '' ? undefined : { file: row.file, words: row.caption };
}

/** All of it in one transaction, chat by chat in the order in which it stood. */
export function writeForward(
  db: AccountDb,
  own: string,
  keys: readonly string[],
  chats: readonly string[],
  newId: () => string,
): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const rows = await Promise.all(keys.map((key) => byKey(batch.tx, key)));
    const contents = rows.map(contentOf).filter((it) => it !== undefined);
    for (const address of chats) {
      const { draft } = await batch.chat(address);
      const say = async (body: string, unstyled = false) => {
        const key = newId();
        const plain = unstyled && { unstyled };
        await addMine(batch, address, { key, body, ...plain });
        await batch.queue({ key, chat: address, kind: 'message', payload: body, ...plain });
      };
      for (const { body, unstyled, file, words } of contents) {
        if (file) {
          const key = newId();
          await addMine(batch, address, { key, body: file.url, file });
          await batch.queue({ key, chat: address, kind: 'file', payload: JSON.stringify(file) });
        }
        const text = file ? words : body;
        if (text) await say(text, unstyled);
      }
      // What stands in their composers has nothing to do with it.
      const chat = await batch.chat(address);
      chat.draft = draft;
    }
  });
}
