// What was done, with Undo; what failed, with a way on. Two at most, 8 seconds, longer while hovered or focused; half as
// long when there is nothing to do about it.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../i18n';
import { Button, IconButton } from './controls';
import { Icon, type IconName } from './icon';

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  icon: IconName;
  action?: { label: string; run(): void };
  /** Called when it goes without its action having been used. */
  gone?: () => void;
}

const toasts = signal<readonly Toast[]>([]);
let nextId = 1;

export function toast(text: string, options: Partial<Omit<Toast, 'id' | 'text'>> = {}): void {
  const made: Toast = { id: nextId++, text, bad: false, icon: options.bad ? 'alert' : 'check', ...options };
  const kept = toasts.value.slice(-1);
  for (const old of toasts.value) if (!kept.includes(old)) old.gone?.();
  toasts.value = [...kept, made];
}

function drop(it: Toast, acted: boolean): void {
  if (!toasts.value.includes(it)) return;
  toasts.value = toasts.value.filter((other) => other !== it);
  if (acted) it.action?.run();
  else it.gone?.();
}

/** The reader has gone on: what only says that something was done makes room for what comes of it. */
export function settleDone(): void {
  for (const it of toasts.peek()) if (!it.action && !it.bad) drop(it, false);
}

/**
 * Undo instead of "Are you sure": `run` happens when the toast has gone, or at once when the page is being left.
 */
export function undoable(text: string, run: () => void, undone: () => void): void {
  let open = true;
  const settle = () => {
    if (!open) return;
    open = false;
    removeEventListener('pagehide', settle);
    run();
  };
  addEventListener('pagehide', settle);
  const undo = () => {
    if (!open) return;
    open = false;
    removeEventListener('pagehide', settle);
    undone();
  };
  toast(text, { action: { label: t('undo'), run: undo }, gone: settle });
}

/** Settles every open undo, e.g. before signing out. */
export function settleAll(): void {
  const open = toasts.value;
  toasts.value = [];
  for (const it of open) it.gone?.();
}

function ToastView({ it }: { it: Toast }) {
  const held = useRef(false);
  const timer = useRef(0);
  const start = () => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => !held.current && drop(it, false), it.action || it.bad ? 8000 : 4000);
  };
  const hold = () => {
    held.current = true;
    clearTimeout(timer.current);
  };
  const release = () => {
    held.current = false;
    start();
  };
  useEffect(() => {
    start();
    return () => clearTimeout(timer.current);
  }, []);
  return (
    <div
      class={`toast ${it.bad ? 'bad' : ''}`}
      onPointerEnter={hold}
      onPointerLeave={release}
      onFocusCapture={hold}
      onBlurCapture={release}
    >
      <Icon name={it.icon} />
      <span>{it.text}</span>
      {it.action && (
        <Button small onClick={() => drop(it, true)}>
          {it.action.label}
        </Button>
      )}
      <IconButton icon="close" label={t('dismiss')} onClick={() => drop(it, false)} />
    </div>
  );
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((it) => (
        <ToastView key={it.id} it={it} />
      ))}
    </div>
  );
}
