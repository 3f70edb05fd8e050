// The edge between list and chat: dragged by a pointer, or moved by arrows (the alternative WCAG 2.2 asks for).
import { useRef, useState } from 'preact/hooks';
import { t } from '../i18n';
import { remember, remembered } from '../look';

const LEAST = 240;
const MOST = 420;
const clamp = (width: number) => Math.round(Math.max(LEAST, Math.min(MOST, width)));

export function ListEdge() {
  const [width, setWidth] = useState(() => clamp(Number(remembered('list', '320')) || 320));
  const edge = useRef<HTMLDivElement>(null);
  const from = useRef<{ x: number; width: number } | undefined>(undefined);

  const apply = (next: number) => {
    const app = edge.current?.closest<HTMLElement>('.app');
    app?.style.setProperty('--list', `${next / 16}rem`);
    setWidth(next);
    remember('list', String(next));
  };
  const attach = (el: HTMLDivElement | null) => {
    edge.current = el;
    el?.closest<HTMLElement>('.app')?.style.setProperty('--list', `${width / 16}rem`);
  };
  const sign = () => (getComputedStyle(document.documentElement).direction === 'rtl' ? -1 : 1);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a splitter, which has no element of its own.
    <div
      ref={attach}
      class="list-edge"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={t('list.width')}
      aria-valuemin={LEAST}
      aria-valuemax={MOST}
      aria-valuenow={width}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = { x: event.clientX, width };
      }}
      onPointerMove={(event) => {
        if (from.current) apply(clamp(from.current.width + (event.clientX - from.current.x) * sign()));
      }}
      onPointerUp={() => {
        from.current = undefined;
      }}
      onPointerCancel={() => {
        from.current = undefined;
      }}
      onDblClick={() => apply(320)}
      onKeyDown={(event) => {
        const by = { ArrowRight: 16, ArrowLeft: -16 }[event.key];
        if (by === undefined) return;
        event.preventDefault();
        apply(clamp(width + by * sign()));
      }}
    />
  );
}
