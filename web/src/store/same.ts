// Whether a message looks as it did: then nothing has to be drawn.
import type { Message } from './model';

const told = (reactions: Message['reactions']) => reactions?.map((it) => `${it.sign} ${it.from.join(' ')}`).join('\n');

export function sameMessage(a: Message, b: Message): boolean {
  return (
    a.mark === b.mark &&
    a.time === b.time &&
    a.body === b.body &&
    a.failure?.text === b.failure?.text &&
    a.file?.url === b.file?.url &&
    a.unheard === b.unheard &&
    a.retracted === b.retracted &&
    a.edited === b.edited &&
    a.changing === b.changing &&
    a.trouble?.id === b.trouble?.id &&
    a.reply?.key === b.reply?.key &&
    a.caption === b.caption &&
    a.link?.title === b.link?.title &&
    told(a.reactions) === told(b.reactions)
  );
}
