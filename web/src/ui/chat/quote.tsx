// What a message answers, in two lines: who, and what that one says now.
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Message, Reply } from '../../store/model';
import { chatName, useSession } from '../context';
import { t } from '../i18n';
import { nameHue } from '../kit/hue';
import { wordsOf } from '../media/kinds';

export interface LogView {
  /** The message as it stands in the log now. */
  find(key: string): Message | undefined;
  jump(key: string): void;
}

export const LogContext = createContext<LogView | undefined>(undefined);

/** One line, whatever was written. */
const oneLine = (text: string) => text.replace(/\s+/g, ' ').slice(0, 300);

function useName(chat: string, from: string | undefined): { name: string; style: Record<string, string> | undefined } {
  const session = useSession();
  if (from === session.account.address) return { name: t('you'), style: undefined };
  return { name: chatName(session.chat(chat)), style: nameHue(from ?? chat) };
}

/** The message, from the log, or from wherever the cache has it. */
function useTarget(key: string | undefined): Message | undefined {
  const session = useSession();
  const log = useContext(LogContext);
  const shown = key === undefined ? undefined : log?.find(key);
  const [kept, keep] = useState<Message | undefined>(undefined);
  useEffect(() => {
    if (key === undefined || shown) return;
    let here = true;
    void session.message(key).then((found) => here && keep(found));
    return () => {
      here = false;
    };
  }, [key, shown === undefined]);
  return shown ?? kept;
}

export function Quote({ chat, reply }: { chat: string; reply: Reply }) {
  const log = useContext(LogContext);
  const target = useTarget(reply.key);
  const { name, style } = useName(chat, target?.from ?? reply.from);
  const words = target ? wordsOf(target) : reply.quote || t('reply.unknown');
  const inside = (
    <>
      <b>
        <bdi>{name}</bdi>
      </b>
      <span dir="auto">{oneLine(words)}</span>
    </>
  );
  if (!reply.key || !log)
    return (
      <div class="quote" style={style}>
        {inside}
      </div>
    );
  return (
    <button
      type="button"
      class="quote"
      style={style}
      aria-label={t('reply.jump', { name, text: oneLine(words) })}
      onClick={() => log.jump(reply.key!)}
    >
      {inside}
    </button>
  );
}

/** Over the field, while one answers or changes a message. */
export function QuoteOf({ message, title }: { message: Message; title?: string }) {
  const { name, style } = useName(message.chat, message.from);
  return (
    <div class="quote" style={title ? undefined : style}>
      <b>{title ?? <bdi>{name}</bdi>}</b>
      <span dir="auto">{oneLine(wordsOf(message))}</span>
    </div>
  );
}
