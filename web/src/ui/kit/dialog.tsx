// Real dialogs, on the browser's own <dialog>: it keeps the focus inside, gives it back, answers Esc and the
// phone's Back. Only for what cannot be undone, and for small forms.
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../i18n';
import { IconButton } from './controls';

interface Props {
  title: string;
  /** Said by the head of a bare dialog (the quick switcher) only to screen readers. */
  bare?: boolean;
  class?: string;
  onClose(): void;
  children: ComponentChildren;
}

export function Dialog({ title, bare, class: extra, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the next key arrives: what is typed right after Ctrl+K belongs in here.
  useLayoutEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    const first = element?.querySelector<HTMLElement>('[data-first]');
    first?.focus();
    if (first instanceof HTMLInputElement) first.select();
    return () => {
      element?.close();
      // The element that opened us may have gone; then the browser's own choice stands.
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the click is on the scrim; Esc does the same.
    <dialog
      ref={dialog}
      class={`dialog ${extra ?? ''}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="dialog-in">
        {bare ? (
          <h2 class="sr" id={id}>
            {title}
          </h2>
        ) : (
          <header>
            <h2 id={id}>{title}</h2>
            <IconButton icon="close" label={t('close')} onClick={onClose} />
          </header>
        )}
        {children}
      </div>
    </dialog>
  );
}
