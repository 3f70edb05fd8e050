// The messages of one chat. What is drawn and where the eye stays is LogWindow's; what is said is here.
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { Chat, Hit, Timeline } from '../../store/model';
import { chatName, useSession } from '../context';
import { t } from '../i18n';
import { toast } from '../kit/toast';
import { wantedHit } from '../list/found';
import { rem } from '../look';
import { wordsOf } from '../media/kinds';
import { dayName, startOfDay, today } from '../time';
import { JumpButton } from './jump';
import { Beginning, LogSkeleton, Typing } from './log-parts';
import { LogContext } from './quote';
import { Row } from './row';
import { extend, isSelecting, toggle } from './selection';
import { albumAt, isCaption, partsAt, shapeOf, withWords } from './shape';
import { LogWindow } from './window';

interface Props {
  chat: Chat;
  timeline: Timeline;
}

/** So far back, in pages, one looks for what is quoted. */
const JUMP_PAGES = 20;

/** And for what was found; and by how much, in ms, this device's time of a message may differ from the archive's. */
const HIT_PAGES = 200;
const HIT_SLACK = 600_000;

/** Marks read only what was really in front of somebody. */
const looking = () => document.visibilityState === 'visible' && document.hasFocus();

export function Log({ chat, timeline }: Props) {
  const session = useSession();
  const view = useMemo(() => new LogWindow(), [timeline]);
  const scroller = useRef<HTMLDivElement>(null);
  const above = useRef<HTMLDivElement>(null);
  const below = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const opened = useRef(false);
  const arrived = useRef(new Set<string>());
  const focusInside = useRef(false);
  const told = useRef<string | undefined>(undefined);
  const spoken = useSignal('');
  const scrolling = useSignal(false);
  const fresh = useSignal(0);
  const line = useSignal<string | undefined>(undefined);

  const messages = timeline.messages.value;
  const firstUnread = line.value ?? timeline.firstUnread.value;
  const older = timeline.older.value;
  const cold = timeline.cold.value;
  const name = chatName(chat);

  // What came at the end since the last drawing: say it, let it fade in, and follow one's own words down.
  const known = view.messages;
  if (messages !== known) {
    const before = known.at(-1);
    let cameUnseen: string | undefined;
    if (before && opened.current) {
      for (let i = messages.length - 1; i >= 0 && i > messages.length - 200; i--) {
        const message = messages[i]!;
        if (message.key === before.key || message.time < before.time) break;
        if (arrived.current.size === 0 && !message.mine) spoken.value = `${name}: ${wordsOf(message).slice(0, 300)}`;
        arrived.current.add(message.key);
        if (!message.mine) cameUnseen = message.key;
      }
      setTimeout(() => arrived.current.clear(), 400);
    }
    const last = messages.at(-1);
    const mineCame = opened.current && last?.mine && last.key !== before?.key && messages.length > known.length;
    view.update(messages);
    if (mineCame) {
      line.value = undefined;
      queueMicrotask(() => view.toEnd());
    } else if (cameUnseen && !looking()) {
      // Nobody looks: the line stands before the first of these, and is kept in sight for when somebody does.
      line.value ??= cameUnseen;
      const row = messages.findIndex((message) => message.key === line.peek());
      if (view.atEnd && row >= 0) queueMicrotask(() => !view.fitsFrom(row) && view.toRow(row, 100));
    }
  }
  const [from, to] = view.range.value;

  useLayoutEffect(
    () =>
      view.attach(
        { scroller: scroller.current!, above: above.current!, below: below.current!, rows: rows.current! },
        rem.peek(),
      ),
    [view],
  );

  // Opens at the first unread message, or at the end when everything unread is in sight there.
  useLayoutEffect(() => {
    if (opened.current || messages.length === 0) return;
    opened.current = true;
    const row = firstUnread ? messages.findIndex((message) => message.key === firstUnread) : -1;
    if (row >= 0 && !view.fitsFrom(row)) view.toRow(row, scroller.current!.clientHeight * 0.2);
    else view.toEnd();
  }, [messages, firstUnread, view]);

  useLayoutEffect(() => {
    view.settle();
    // A focused message that was scrolled out of what is drawn leaves the focus to the log.
    if (focusInside.current && document.activeElement === document.body)
      scroller.current?.focus({ preventScroll: true });
  });

  const look = () => {
    const last = view.messages[view.lastSeen];
    // What was not sent yet moves down when something came before it: that is seen only now.
    const seen = last && `${last.key} ${last.time}`;
    if (last && seen !== told.current && looking()) {
      told.current = seen;
      timeline.seen(last.key);
    }
    let count = 0;
    const all = view.messages;
    for (let i = all.length - 1; i > view.lastSeen && count < 100; i--) if (!all[i]!.mine) count++;
    fresh.value = count;
    // A page may bring nothing to draw, and what was asked for while another one came was not asked for: then nothing else looks again.
    if (timeline.older.peek() === 'more' && view.above < 1500)
      void timeline.loadOlder().then(() => requestAnimationFrame(() => scroller.current && view.onSettled()));
  };
  view.onSettled = look;

  useEffect(() => {
    addEventListener('focus', look);
    document.addEventListener('visibilitychange', look);
    return () => {
      removeEventListener('focus', look);
      document.removeEventListener('visibilitychange', look);
    };
  }, [view]);
  // Older messages came or failed to: there may still be room above.
  useEffect(look, [older]);

  // The day in sight: only while one scrolls, then it steps aside.
  const day = useComputed(() => {
    const message = timeline.messages.value[view.topRow.value];
    void today.value;
    return message ? dayName(startOfDay(message.time)) : '';
  });
  useEffect(() => {
    let timer = 0;
    view.onScrolled = () => {
      scrolling.value = !view.atEnd;
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        scrolling.value = false;
      }, 1200);
    };
    return () => clearTimeout(timer);
  }, [view]);

  /** Back to the line before what was new. */
  const toUnread = () => {
    const row = messages.findIndex((message) => message.key === firstUnread);
    if (row >= 0) view.toRow(row, scroller.current!.clientHeight * 0.2);
  };

  const jump = async (key: string) => {
    for (let pages = 0; pages < JUMP_PAGES; pages++) {
      if (view.messages.some((message) => message.key === key) || timeline.older.peek() !== 'more') break;
      await timeline.loadOlder();
    }
    show(key);
  };
  const show = (key: string) => {
    const row = view.messages.findIndex((message) => message.key === key);
    if (row < 0) return toast(t('reply.away'));
    view.toRow(row, scroller.current!.clientHeight * 0.3);
    requestAnimationFrame(() => {
      const article = view.rowElement(row)?.querySelector<HTMLElement>('.msg');
      article?.focus({ preventScroll: true });
      article?.classList.add('found');
      article?.addEventListener('animationend', () => article.classList.remove('found'), { once: true });
    });
  };
  /** History is loaded back to it, without a hole; it may be of a time of which nothing is here yet. */
  const toHit = async (hit: Hit) => {
    const all = timeline.messages;
    const isHere = (key: string | undefined) => key !== undefined && all.peek().some((it) => it.key === key);
    let key = await session.keyOf(hit);
    for (let pages = 0; pages < HIT_PAGES && !isHere(key); pages++) {
      const oldest = all.peek()[0];
      if (timeline.older.peek() === 'start' || (oldest && oldest.time < hit.time - HIT_SLACK)) break;
      await timeline.loadOlder();
      if (timeline.older.peek() === 'offline') return toast(t('search.lost'));
      key = await session.keyOf(hit);
    }
    if (!isHere(key)) return toast(t('search.away'));
    // Once it is drawn.
    requestAnimationFrame(() => scroller.current && show(key!));
  };
  const hit = wantedHit.value;
  useEffect(() => {
    if (hit?.chat !== chat.address || cold) return;
    wantedHit.value = undefined;
    void toHit(hit);
  }, [hit, cold]);
  const inLog = useMemo(
    () => ({
      find: (key: string) => timeline.messages.value.findLast((message) => message.key === key),
      jump: (key: string) => void jump(key),
    }),
    [timeline, view],
  );

  const partsOf = (row: Element | null) => {
    const i = messages.findIndex((message) => message.key === row?.getAttribute('data-key'));
    return i < 0 ? [] : messages.slice(i, i + partsAt(messages, i, firstUnread));
  };
  /** While messages are being selected, a click anywhere in a row is about that and nothing else. */
  const onSelect = (event: MouseEvent) => {
    const row = (event.target as Element).closest('.lrow');
    if (!row || !isSelecting(chat.address)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) extend(messages, partsOf(row));
    else toggle(partsOf(row));
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const focused = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>('.lrow');
    const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
    if (step !== 0 && !event.altKey && !event.ctrlKey && !event.metaKey) {
      let next: HTMLElement | undefined;
      if (focused) next = (step < 0 ? focused.previousElementSibling : focused.nextElementSibling) as HTMLElement;
      else next = view.rowElement(Math.min(view.lastSeen, view.messages.length - 1)) ?? view.rowElement(to - 1);
      // Rows that stand in the bubble of another have nothing of their own.
      while (next && !next.querySelector('.msg'))
        next = (step < 0 ? next.previousElementSibling : next.nextElementSibling) as HTMLElement | undefined;
      const article = next?.querySelector<HTMLElement>('.msg');
      if (!article) return;
      article.focus({ preventScroll: true });
      article.scrollIntoView({ block: 'nearest' });
      if (event.shiftKey && isSelecting(chat.address)) extend(messages, partsOf(next ?? null));
    } else if (event.key === 'End') view.toEnd();
    else if (event.key === 'PageUp' && event.shiftKey) toUnread();
    else return;
    event.preventDefault();
  };

  const drawn = [];
  for (let i = from; i < Math.min(to, messages.length); i++) {
    const message = messages[i]!;
    const shape = shapeOf(messages, i, firstUnread);
    const group = albumAt(messages, i, firstUnread);
    const album = group?.head ? group.messages : undefined;
    const inOther = group?.head === false || isCaption(messages, i, firstUnread);
    const count = inOther ? 1 : partsAt(messages, i, firstUnread);
    const parts = count > 1 ? messages.slice(i, i + count) : undefined;
    drawn.push(
      <Row
        key={message.key}
        message={inOther ? message : withWords(messages, i, album, firstUnread)}
        name={name}
        day={shape.day}
        fresh={shape.fresh}
        first={shape.first}
        album={album}
        inOther={inOther}
        parts={parts}
        arrived={arrived.current.has(message.key)}
      />,
    );
  }

  const empty = messages.length === 0;
  return (
    <div class="log-box">
      <div
        class="log"
        ref={scroller}
        role="log"
        aria-live="off"
        aria-label={t('log.label', { name })}
        aria-busy={cold || undefined}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys have to reach it.
        tabIndex={0}
        onKeyDown={onKeyDown}
        onFocusIn={() => {
          focusInside.current = true;
        }}
        onFocusOut={(event) => {
          // Without a next element it was removed; with one, or by a click beside it, the reader went away.
          if (event.relatedTarget) focusInside.current = false;
        }}
        onPointerDown={() => {
          focusInside.current = false;
        }}
      >
        <div class="col">
          {empty && cold && (session.firstStart.value || timeline.fetching.value) && <LogSkeleton />}
          {!(empty && cold) && <Beginning chat={chat} older={older} empty={empty} />}
          <div ref={above} />
          <div ref={rows} onClickCapture={onSelect}>
            <LogContext.Provider value={inLog}>{drawn}</LogContext.Provider>
          </div>
          <div ref={below} />
          <Typing chat={chat} />
        </div>
      </div>
      <div class={`day day-float ${scrolling.value ? 'on' : ''}`} aria-hidden="true">
        <span>{day}</span>
      </div>
      <JumpButton shown={view.away} count={fresh} go={() => view.toEnd()} />
      <p class="sr" role="status">
        {spoken}
      </p>
    </div>
  );
}
