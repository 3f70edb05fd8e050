// The microphone button: a tap records until one sends or discards; held, it records until it is let go (send), slid
// aside (discard) or slid up (goes on by itself).
import { type Signal, signal, useSignal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import type { OutgoingFile } from '../../store/model';
import { t } from '../i18n';
import { IconButton } from '../kit/controls';
import { toast } from '../kit/toast';

export const canRecord = () => typeof MediaRecorder !== 'undefined' && !!navigator.mediaDevices?.getUserMedia;

export type Hold = Signal<{ state: 'held' | 'locked' | 'send' | 'cancel'; x: number }>;

/** Held longer than this it is no tap. */
const TAP_MS = 350;
const ASIDE = 90;
const UP = 70;

type Bar = FunctionComponent<{ hold: Hold; send(file: OutgoingFile): Promise<void>; close(): void }>;
const bar = signal<Bar | undefined>(undefined);

export function useMic(send: (file: OutgoingFile) => Promise<void>, after: () => void) {
  const on = useSignal(false);
  const hold: Hold = useSignal({ state: 'locked', x: 0 });
  const pointer = useSignal<{ id: number; x: number; y: number; time: number } | undefined>(undefined);

  const begin = async () => {
    on.value = true;
    if (bar.peek()) return;
    try {
      const { RecorderBar } = await import('./recorder-bar');
      bar.value = RecorderBar;
    } catch {
      on.value = false;
      toast(t('emoji.unavailable'), { bad: true });
    }
  };
  const close = () => {
    on.value = false;
    hold.value = { state: 'locked', x: 0 };
    after();
  };

  // The button goes when the recording begins, so the finger is followed by the window.
  useEffect(() => {
    const mine = (event: PointerEvent) => pointer.peek()?.id === event.pointerId && hold.peek().state === 'held';
    const onMove = (event: PointerEvent) => {
      if (!mine(event)) return;
      const start = pointer.peek()!;
      const rtl = document.documentElement.dir === 'rtl' ? -1 : 1;
      const aside = Math.max(0, (start.x - event.clientX) * rtl);
      if (start.y - event.clientY > UP) hold.value = { state: 'locked', x: 0 };
      else if (aside > ASIDE) hold.value = { state: 'cancel', x: 0 };
      else hold.value = { state: 'held', x: -aside * rtl };
    };
    const onUp = (event: PointerEvent) => {
      if (mine(event)) {
        const long = event.timeStamp - pointer.peek()!.time > TAP_MS;
        hold.value = { state: long && event.type === 'pointerup' ? 'send' : 'locked', x: 0 };
      }
      if (pointer.peek()?.id === event.pointerId) pointer.value = undefined;
    };
    addEventListener('pointermove', onMove);
    addEventListener('pointerup', onUp);
    addEventListener('pointercancel', onUp);
    return () => {
      removeEventListener('pointermove', onMove);
      removeEventListener('pointerup', onUp);
      removeEventListener('pointercancel', onUp);
    };
  }, []);

  const Recording = bar.value;
  const view = on.value && Recording && <Recording hold={hold} send={send} close={close} />;
  const button = (
    <IconButton
      icon="mic"
      class="mic"
      label={t('voice.record')}
      onPointerDown={(event) => {
        if (event.button !== 0 || on.peek()) return;
        // Touch would keep all later events at the button, which is about to go.
        (event.currentTarget as Element).releasePointerCapture?.(event.pointerId);
        pointer.value = { id: event.pointerId, x: event.clientX, y: event.clientY, time: event.timeStamp };
        hold.value = { state: 'held', x: 0 };
        void begin();
      }}
      onContextMenu={(event) => event.preventDefault()}
      onClick={() => {
        // By keys, or by a screen reader.
        if (!on.peek()) {
          hold.value = { state: 'locked', x: 0 };
          void begin();
        }
      }}
    />
  );
  return { view, button };
}
