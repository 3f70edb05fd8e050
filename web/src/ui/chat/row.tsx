// One row of the log: the lines before a message, the message, and what can be done with it.
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Message } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n';
import { Button, IconButton } from '../kit/controls';
import { saveFile } from '../media/file-card';
import { kindOf } from '../media/kinds';
import { dayName, today } from '../time';
import { copied, copyText, messageMenu } from './actions';
import { Bubble, messageLabel } from './bubble';

interface Props {
  message: Message;
  name: string;
  day: number;
  fresh: boolean;
  first: boolean;
  /** The pictures that this one stands for, itself the first of them. */
  album: readonly Message[] | undefined;
  /** Shown in the album of a message above. */
  inAlbum: boolean;
  /** Came while one was looking: it may fade in. */
  arrived: boolean;
}

/** A finger that rests on a message this long asks for its sheet. */
const LONG = 450;

function useLongPress(open: () => void) {
  const timer = useRef(0);
  const from = useRef({ x: 0, y: 0 });
  const stop = () => clearTimeout(timer.current);
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.pointerType !== 'touch' || (event.target as Element).closest('a, button:not(.tile)')) return;
      from.current = { x: event.clientX, y: event.clientY };
      stop();
      timer.current = window.setTimeout(open, LONG);
    },
    onPointerMove: (event: PointerEvent) => {
      if (Math.hypot(event.clientX - from.current.x, event.clientY - from.current.y) > 10) stop();
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}

function Failed({ message }: { message: Message }) {
  const session = useSession();
  return (
    <div class="failline">
      {!(message.failure && message.file && kindOf(message.file) === 'file') && (
        <span>{message.failure?.text ?? t('message.failed')}</span>
      )}
      <Button small look="danger" onClick={() => void session.retry(message.key)}>
        {t('message.retry')}
      </Button>
      <Button small onClick={() => void session.discard(message.key)}>
        {t('message.discard')}
      </Button>
    </div>
  );
}

export function Row({ message, name, day, fresh, first, album, inAlbum, arrived }: Props) {
  const session = useSession();
  // Reading a signal here also lets Preact skip rows whose properties have not changed.
  const hovered = useSignal(false);
  void today.value;
  const article = useRef<HTMLElement>(null);
  const bubble = () => article.current?.querySelector('.bubble') ?? null;
  const who = message.mine ? session.account.name : name;
  const menuAt = (at: { x: number; y: number } | DOMRect, sheet?: boolean) =>
    messageMenu(session, message, who, at, bubble(), sheet);
  const press = useLongPress(() => menuAt({ x: 0, y: 0 }, true));

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== article.current) return;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === 'Enter' || event.key === 'ContextMenu' || (event.shiftKey && event.key === 'F10'))
      menuAt(bubble()!.getBoundingClientRect(), false);
    else if (plain && event.key.toLowerCase() === 'c' && !message.opaque) void copyText(copied(message));
    else return;
    event.preventDefault();
  };

  if (inAlbum) return <div class="lrow" data-key={message.key} />;
  return (
    <div class="lrow" data-key={message.key}>
      {day > 0 && (
        <div class="day">
          <h3>{dayName(day)}</h3>
        </div>
      )}
      {fresh && (
        // biome-ignore lint/a11y/useSemanticElements: <hr> could not carry the words.
        <div class="new" role="separator">
          {t('log.new')}
        </div>
      )}
      <article
        ref={article}
        class={`msg ${message.mine ? 'own' : 'in'} ${first ? 'first' : ''} ${arrived ? 'arrived' : ''}`}
        aria-label={messageLabel(message, name, album)}
        tabIndex={-1}
        onKeyDown={onKeyDown}
        onContextMenu={(event) => {
          // Links and selected text keep the browser's own menu.
          if ((event.target as Element).closest('a') || getSelection()?.toString()) return;
          event.preventDefault();
          if ((event as unknown as PointerEvent).pointerType === 'touch') return;
          menuAt({ x: event.clientX, y: event.clientY }, false);
        }}
        onPointerEnter={(event) => {
          hovered.value = event.pointerType === 'mouse';
        }}
        onPointerLeave={() => {
          hovered.value = false;
        }}
        {...press}
      >
        <div class="bubble-line">
          <Bubble message={message} name={who} album={album} />
          {hovered.value && (
            <div class="tools pop">
              {!message.opaque && (!message.file || message.caption) && (
                <IconButton
                  icon="copy"
                  label={t('message.copy')}
                  tabIndex={-1}
                  onClick={() => void copyText(copied(message))}
                />
              )}
              {message.file?.url && (
                <IconButton
                  icon="download"
                  label={t('media.save')}
                  tabIndex={-1}
                  onClick={() => void saveFile(session, message)}
                />
              )}
              <IconButton
                icon="more"
                label={t('message.more')}
                tabIndex={-1}
                onClick={(event) => menuAt(event.currentTarget.getBoundingClientRect(), false)}
              />
            </div>
          )}
        </div>
        {message.mark === 'failed' && message.mine && <Failed message={message} />}
      </article>
    </div>
  );
}
