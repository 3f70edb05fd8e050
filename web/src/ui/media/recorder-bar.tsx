// In place of the composer's line while one speaks: discard, how long and how loud, listen, send.
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { OutgoingFile } from '../../store/model';
import { t } from '../i18n-later';
import { IconButton } from '../kit/controls';
import { toast } from '../kit/toast';
import { duration } from './kinds';
import type { Hold } from './mic';
import { stop as stopPlayer } from './player';
import { Recorder } from './recorder';
import { Bars } from './voice';
import { squeeze } from './wave';

/** More than fit: the oldest are beyond the edge. */
const BARS_SHOWN = 180;
const BARS_STILL = 46;
/** Shorter ones were a slip of the finger. */
const LEAST_MS = 400;

interface Props {
  hold: Hold;
  send(file: OutgoingFile): Promise<void>;
  close(): void;
}

function reasonOf(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return t('voice.notAllowed');
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return t('voice.noMicrophone');
  return t('voice.cannotRecord');
}

export function RecorderBar({ hold, send, close }: Props) {
  const recorder = useRef<Recorder | undefined>(undefined);
  const state = useSignal<'starting' | 'recording' | 'paused' | 'playing' | 'ending'>('starting');
  const ms = useSignal(0);
  const at = useSignal(0);
  const wave = useSignal<readonly number[]>([]);
  const sound = useRef<HTMLAudioElement | undefined>(undefined);
  const root = useRef<HTMLDivElement>(null);

  const quiet = () => {
    if (!sound.current) return;
    sound.current.pause();
    URL.revokeObjectURL(sound.current.src);
    sound.current = undefined;
  };
  const discard = () => {
    quiet();
    recorder.current?.close();
    close();
  };
  const finish = async () => {
    const made = recorder.current;
    if (!made || state.peek() === 'ending') return;
    if (made.ms < LEAST_MS) return discard();
    state.value = 'ending';
    quiet();
    try {
      await send(await made.finish());
    } catch {
      toast(t('composer.notTaken'), { bad: true });
    }
    close();
  };
  const pause = async () => {
    const made = recorder.current;
    if (!made || state.peek() !== 'recording') return;
    state.value = 'paused';
    at.value = 0;
    wave.value = squeeze(made.levels, BARS_STILL);
    const el = new Audio(URL.createObjectURL(await made.pause()));
    sound.current = el;
    el.addEventListener('timeupdate', () => {
      at.value = el.currentTime * 1000;
    });
    el.addEventListener('ended', () => {
      at.value = 0;
      if (state.peek() === 'playing') state.value = 'paused';
    });
  };
  const listen = () => {
    if (state.peek() === 'playing') {
      sound.current?.pause();
      state.value = 'paused';
    } else {
      state.value = 'playing';
      void sound.current?.play().catch(() => {
        state.value = 'paused';
      });
    }
  };
  const goOn = () => {
    quiet();
    recorder.current?.resume();
    state.value = 'recording';
  };

  useEffect(() => {
    let gone = false;
    stopPlayer();
    Recorder.start().then(
      (made) => {
        if (gone || hold.peek().state === 'cancel') {
          made.close();
          if (!gone) close();
          return;
        }
        recorder.current = made;
        state.value = 'recording';
        made.onLevel = () => {
          ms.value = made.ms;
          wave.value = made.levels.slice(-BARS_SHOWN).map((v) => Math.round(Math.sqrt(v) * 31));
        };
        if (hold.peek().state === 'send') void finish();
      },
      (error) => {
        if (gone) return;
        toast(reasonOf(error), { bad: true });
        close();
      },
    );
    return () => {
      gone = true;
      quiet();
      recorder.current?.close();
    };
  }, []);
  const { state: held, x } = hold.value;
  useLayoutEffect(() => {
    if (held === 'send') void finish();
    else if (held === 'cancel') discard();
    else if (held === 'locked') root.current?.querySelector<HTMLElement>('.send')?.focus({ preventScroll: true });
  }, [held]);

  const busy = state.value === 'starting' || state.value === 'ending';
  const still = state.value === 'paused' || state.value === 'playing';
  const holding = held === 'held';
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Esc for all that is in here.
    <div
      class="line"
      ref={root}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        discard();
      }}
    >
      {!holding && <IconButton icon="trash" class="rec-discard" label={t('voice.discard')} onClick={discard} />}
      <div class={still ? 'rec' : 'rec live'}>
        <span class={still ? 'rec-dot still' : 'rec-dot'} />
        <span class="num" role="timer" aria-label={t('voice.recording')}>
          {duration(still && at.value > 0 ? at.value : ms.value)}
        </span>
        {holding ? (
          <span class="rec-hint" style={{ transform: `translateX(${x}px)` }}>
            {t('voice.slide')}
          </span>
        ) : (
          <Bars wave={wave.value} part={still ? (ms.value ? at.value / ms.value : 0) : 1} />
        )}
      </div>
      {!holding && still && (
        <IconButton
          icon={state.value === 'playing' ? 'pause' : 'play'}
          label={t(state.value === 'playing' ? 'voice.stopListening' : 'voice.listen')}
          onClick={listen}
        />
      )}
      {!holding && (
        <IconButton
          icon={still ? 'mic' : 'pause'}
          label={t(still ? 'voice.goOn' : 'voice.pauseAndListen')}
          aria-disabled={busy}
          onClick={() => (still ? goOn() : void pause())}
        />
      )}
      {holding ? (
        <span class="rec-lock" aria-hidden="true">
          <IconButton icon="lock" label={t('voice.lock')} tabIndex={-1} />
        </span>
      ) : (
        <IconButton
          icon="send"
          class="ib-accent send"
          label={t('voice.send')}
          aria-busy={busy || undefined}
          onClick={() => void finish()}
        />
      )}
    </div>
  );
}
