// Several messages as plain text: who, when, what; as one would write them down.
import type { Message } from '../../store/model';
import { lineOf } from '../media/kinds';
import { stamp } from '../time';

function said(message: Message): string {
  const { file, caption, body } = message;
  if (!file) return body;
  const name = `${lineOf(file).text}: ${file.url}`;
  return caption ? `${name}\n${caption}` : name;
}

/** Of one message only its words. Nothing of what was taken back, or cannot be read. */
export function transcript(messages: readonly Message[], nameOf: (mine: boolean) => string): string {
  const all = messages.filter((it) => !it.retracted && !it.opaque);
  const only = all.length === 1 ? all[0] : undefined;
  if (only) return said(only);
  return all.map((it) => `[${stamp(it.time)}] ${nameOf(it.mine)}: ${said(it)}`).join('\n');
}
