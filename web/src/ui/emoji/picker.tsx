// The emoji picker over the composer: search, groups, a grid that arrows walk through.
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Key, t } from '../i18n-later';
import { Icon } from '../kit/icon';
import { touch } from '../look';
import { type Emoji, emojiTable, findEmoji, type Group, loadEmoji, recentEmoji, usedEmoji } from './table';

const TABS: [Group, string][] = [
  ['smileys', '😀'],
  ['people', '👋'],
  ['animals', '🐻'],
  ['food', '🍏'],
  ['travel', '🚗'],
  ['activities', '⚽'],
  ['objects', '💡'],
  ['symbols', '❤️'],
  ['flags', '🏁'],
];

interface Props {
  pick(sign: string): void;
  close(): void;
}

function Grid({ list, pick, label }: { list: readonly Emoji[]; pick(sign: string): void; label: string }) {
  const [at, setAt] = useState(0);
  const grid = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const cells = [...grid.current!.querySelectorAll<HTMLElement>('button')];
    const now = cells.indexOf(document.activeElement as HTMLElement);
    if (now < 0) return;
    const top = cells[0]!.offsetTop;
    const columns = Math.max(
      1,
      cells.findIndex((cell) => cell.offsetTop > top),
    );
    const rtl = getComputedStyle(grid.current!).direction === 'rtl' ? -1 : 1;
    const by = { ArrowRight: rtl, ArrowLeft: -rtl, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (by === undefined) return;
    const next = cells[now + by];
    if (next) {
      setAt(now + by);
      next.focus();
    } else if (event.key === 'ArrowUp') grid.current?.closest('.emoji')?.querySelector<HTMLElement>('input')?.focus();
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of buttons, not of form fields.
    <div class="emoji-grid" ref={grid} role="group" aria-label={label} onKeyDown={onKeyDown}>
      {list.map((it, i) => (
        <button
          type="button"
          key={it.sign}
          title={it.name}
          aria-label={it.name}
          tabIndex={i === Math.min(at, list.length - 1) ? 0 : -1}
          onClick={() => pick(it.sign)}
        >
          {it.sign}
        </button>
      ))}
    </div>
  );
}

export function EmojiPicker({ pick, close }: Props) {
  const [query, setQuery] = useState('');
  const [tab, setTab] = useState<Group | 'recent'>('smileys');
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const table = emojiTable.value;
  useLayoutEffect(() => {
    void loadEmoji();
    // On a phone the keyboard would cover what one came to look at.
    if (!touch.matches) field.current?.focus();
    const outside = (event: PointerEvent) => {
      const at = event.target as Element;
      if (!box.current?.contains(at) && !at.closest('.emoji-button')) close();
    };
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, []);

  const recent = useMemo(() => {
    const wanted = recentEmoji();
    const all = new Map([...(table?.values() ?? [])].flat().map((it) => [it.sign, it]));
    return wanted.flatMap((sign) => all.get(sign) ?? []);
  }, [table]);
  const list = query.trim() ? findEmoji(query, 120) : tab === 'recent' ? recent : (table?.get(tab) ?? []);
  const choose = (sign: string) => {
    usedEmoji(sign);
    pick(sign);
  };
  const title = query.trim() ? t('emoji.found') : t(`emoji.${tab}` as Key);

  return (
    <div
      class="emoji pop"
      ref={box}
      role="dialog"
      aria-label={t('emoji.title')}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        if (query) setQuery('');
        else close();
      }}
    >
      <div class="search">
        <Icon name="search" />
        <input
          ref={field}
          type="search"
          aria-label={t('emoji.search')}
          placeholder={t('emoji.search')}
          autoComplete="off"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && list[0] && query.trim()) choose(list[0].sign);
            else if (event.key === 'ArrowDown') box.current?.querySelector<HTMLElement>('.emoji-grid button')?.focus();
            else return;
            event.preventDefault();
          }}
        />
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a group of buttons, not of form fields. */}
      <div class="emoji-tabs" role="group" aria-label={t('emoji.groups')}>
        {recent.length > 0 && (
          <button
            type="button"
            aria-pressed={tab === 'recent' && !query}
            aria-label={t('emoji.recent')}
            title={t('emoji.recent')}
            onClick={() => {
              setTab('recent');
              setQuery('');
            }}
          >
            <Icon name="clock" />
          </button>
        )}
        {TABS.map(([group, sign]) => (
          <button
            type="button"
            key={group}
            aria-pressed={tab === group && !query}
            aria-label={t(`emoji.${group}`)}
            title={t(`emoji.${group}`)}
            onClick={() => {
              setTab(group);
              setQuery('');
            }}
          >
            {sign}
          </button>
        ))}
      </div>
      {list.length > 0 ? (
        <Grid key={`${tab}${query}`} list={list} pick={choose} label={title} />
      ) : (
        <p class="emoji-none" role="status">
          {t(table ? 'emoji.none' : 'emoji.loading')}
        </p>
      )}
    </div>
  );
}
