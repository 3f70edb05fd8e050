// The truth in small marks: each state has a shape, a colour, a text for screen readers and a tooltip.
import { useRef } from 'preact/hooks';
import type { Availability, Mark } from '../../store/model';
import { t } from '../i18n';

const WIDTH: Record<Mark, number> = { sending: 12, sent: 12, delivered: 18, read: 18, failed: 12 };
const LINE = {
  fill: 'none',
  stroke: 'currentColor',
  'stroke-width': '1.4',
  'stroke-linecap': 'round',
  'stroke-linejoin': 'round',
} as const;

const SHAPES: Record<Mark, () => preact.JSX.Element> = {
  sending: () => (
    <g {...LINE}>
      <circle cx="6" cy="6" r="4.8" />
      <path d="M6 3.4V6l1.7 1" />
    </g>
  ),
  sent: () => <path {...LINE} d="m1.6 6.4 2.8 2.9 6-6.8" />,
  delivered: () => <path {...LINE} d="m1.6 6.4 2.8 2.9 6-6.8M8.9 8.6l.7.7 6-6.8" />,
  // Filled, but lighter than a pill of its own: a long run of read messages must not look like a row of buttons.
  read: () => (
    <g>
      <rect width="18" height="12" rx="4.5" fill="currentColor" />
      <path
        fill="none"
        stroke="var(--mark-cut, #fff)"
        stroke-width="1.4"
        stroke-linecap="round"
        stroke-linejoin="round"
        d="m3.4 6.3 2 2.1 4.2-4.8M9 8.1l.4.3 4.2-4.8"
      />
    </g>
  ),
  failed: () => (
    <g>
      <circle cx="6" cy="6" r="6" fill="currentColor" />
      <path
        fill="none"
        stroke="var(--mark-cut, #fff)"
        stroke-width="1.5"
        stroke-linecap="round"
        d="M6 2.9v3.5M6 8.9h.01"
      />
    </g>
  ),
};

export function MarkSign({ mark }: { mark: Mark }) {
  const label = t(`mark.${mark}`);
  // It fades over when it changes, not each time that a row is drawn.
  const was = useRef(mark);
  const turned = useRef(false);
  if (was.current !== mark) {
    was.current = mark;
    turned.current = true;
  }
  const names = `mark mark-${mark} ${turned.current ? 'turned' : ''}`;
  return (
    <svg class={names} viewBox={`0 0 ${WIDTH[mark]} 12`} role="img" aria-label={label} key={mark}>
      <title>{label}</title>
      {SHAPES[mark]()}
    </svg>
  );
}

export function PresenceMark({ availability }: { availability: Availability }) {
  if (availability === 'offline') return null;
  return (
    <span class={`presence is-${availability}`}>
      <svg viewBox="0 0 12 12" role="img" aria-label={t(`presence.${availability}`)}>
        {availability === 'away' ? (
          <path d="M11.9 7.9A6 6 0 1 1 4.1.1a5.2 5.2 0 0 0 7.8 7.8Z" fill="currentColor" />
        ) : (
          <circle cx="6" cy="6" r="6" fill="currentColor" />
        )}
        {availability === 'busy' && (
          <path d="M3.4 6h5.2" fill="none" stroke="var(--mark-cut, #fff)" stroke-width="1.8" stroke-linecap="round" />
        )}
      </svg>
    </span>
  );
}
