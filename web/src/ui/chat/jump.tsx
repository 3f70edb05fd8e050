import type { ReadonlySignal } from '@preact/signals';
import { t } from '../i18n';
import { Icon } from '../kit/icon';

interface Props {
  shown: ReadonlySignal<boolean>;
  /** Messages that came below what has been seen. */
  count: ReadonlySignal<number>;
  go(): void;
}

export function JumpButton({ shown, count, go }: Props) {
  const n = count.value;
  if (!shown.value) return null;
  return (
    <div class="jump">
      <button
        type="button"
        aria-label={n > 0 ? t('log.jumpNew', { n }) : t('log.jump')}
        title={t('log.jump')}
        onClick={(event) => {
          go();
          // It is about to vanish; the log is where the eye and the focus go.
          event.currentTarget.closest('.log-box')?.querySelector<HTMLElement>('.log')?.focus({ preventScroll: true });
        }}
      >
        <Icon name="down" />
        {n > 0 && <span class="badge">{n > 99 ? '99+' : n}</span>}
      </button>
    </div>
  );
}
