// A voice message, or another sound, in the log.
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Message, Session } from '../../store/model';
import { useSession } from '../context';
import { language, t } from '../i18n';
import { Icon } from '../kit/icon';
import { bytes, duration, kindOf, splitName } from './kinds';
import { nextSpeed, player, seek, toggle } from './player';
import { UploadRing } from './ring';
import { askFor, useSource } from './source';
import { BARS, waveOf } from './wave';

/** Shapes of sounds that came without one, computed when they were first played. */
const computed = signal<ReadonlyMap<string, number[]>>(new Map());
const COMPUTE_MAX = 6_000_000;

async function computeWave(session: Session, message: Message): Promise<void> {
  const file = message.file!;
  if (computed.peek().has(message.key) || (file.size ?? 0) > COMPUTE_MAX) return;
  computed.value = new Map(computed.peek()).set(message.key, []);
  try {
    const blob = await session.localFile(message.key);
    const answer = blob
      ? undefined
      : await fetch(session.reach(file.url), { credentials: 'omit', referrerPolicy: 'no-referrer' });
    const data = await (blob ?? answer!).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 1, 16_000).decodeAudioData(data);
    computed.value = new Map(computed.peek()).set(message.key, waveOf(sound.getChannelData(0)));
  } catch {
    // It plays without.
  }
}

export function Bars({ wave, part }: { wave: readonly number[]; part: number }) {
  return (
    <span class="wave" aria-hidden="true">
      {wave.map((level, i) => (
        <i
          key={i}
          class={(i + 0.5) / wave.length <= part ? 'p' : ''}
          style={{ height: `${12 + (level / 31) * 88}%` }}
        />
      ))}
    </span>
  );
}

const FLAT = Array.from({ length: BARS }, () => 3);
/** An arrow key moves by so many ms. */
const STEP = 5000;

export function Voice({ message }: { message: Message }) {
  const session = useSession();
  const file = message.file!;
  const { closed } = useSource(message);
  const mine = player.key.value === message.key;
  const playing = mine && player.playing.value;
  const at = mine ? player.at.value : 0;
  const length = file.length ?? 0;
  const failed = player.failed.value === message.key;
  const music = kindOf(file) === 'audio';
  const own = computed.value.get(message.key);
  const wave = file.wave?.length ? file.wave : own?.length ? own : FLAT;
  useEffect(() => {
    if (playing && !file.wave?.length) void computeWave(session, message);
  }, [playing]);
  const going = message.mark === 'sending' && !file.url;
  const what = music ? file.name : t('media.voice');
  const time = length ? duration(length) : '';
  const label = failed
    ? t('media.cannotLoad')
    : t(closed ? 'voice.load' : playing ? 'voice.pause' : 'voice.play', { name: what, time });
  const [base, end] = splitName(file.name);
  return (
    <div class="voice">
      {going ? (
        <UploadRing message={message} />
      ) : (
        <button
          type="button"
          class="go"
          aria-label={label}
          title={label}
          onClick={() => {
            if (closed) askFor(message.key);
            toggle(session, message);
          }}
        >
          <Icon name={closed ? 'download' : playing ? 'pause' : 'play'} />
        </button>
      )}
      <span
        class="wave-seek"
        role="slider"
        tabIndex={mine ? 0 : -1}
        aria-label={t('voice.position', { name: what })}
        aria-valuemin={0}
        aria-valuemax={Math.max(1, Math.round(length / 1000))}
        aria-valuenow={Math.round(Math.min(at, length || at) / 1000)}
        aria-valuetext={`${duration(at)} / ${time}`}
        onClick={(event) => {
          if (!length || closed || going) return;
          const box = event.currentTarget.getBoundingClientRect();
          seek(session, message, Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * length);
        }}
        onKeyDown={(event) => {
          const by = event.key === 'ArrowRight' ? STEP : event.key === 'ArrowLeft' ? -STEP : 0;
          if (!by || !length) return;
          event.preventDefault();
          event.stopPropagation();
          seek(session, message, Math.max(0, Math.min(length, at + by)));
        }}
      >
        {music && (
          <span class="fname" dir="auto">
            <span>{base}</span>
            <span>{end}</span>
          </span>
        )}
        <Bars wave={wave} part={length ? at / length : 0} />
      </span>
      <button
        type="button"
        class="speed"
        aria-label={t('voice.speed', { n: player.speed.value })}
        title={t('voice.speed', { n: player.speed.value })}
        onClick={nextSpeed}
      >
        {new Intl.NumberFormat(language).format(player.speed.value)}×
      </button>
      <small>
        {failed
          ? t('voice.failed')
          : at > 0 && time
            ? `${duration(at)} / ${time}`
            : time || (file.size ? bytes(file.size) : '')}
        {message.unheard && (
          <span class="unheard" title={t('voice.unheard')}>
            <span class="sr">{t('voice.unheard')}</span>
          </span>
        )}
      </small>
    </div>
  );
}
