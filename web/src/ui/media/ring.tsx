// How far a file of mine has come, and the way to stop it.
import type { Message } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n';
import { Icon } from '../kit/icon';

export function Arc({ part }: { part: number }) {
  return (
    <svg class="arc" viewBox="0 0 44 44" aria-hidden="true">
      <circle cx="22" cy="22" r="19.5" pathLength="100" stroke-dasharray={`${Math.max(2, part * 100)} 100`} />
    </svg>
  );
}

/** Nothing when the file is not on its way. `over`: on a picture. */
export function UploadRing({ message, over }: { message: Message; over?: boolean }) {
  const session = useSession();
  const upload = session.upload(message.key).value;
  if (!message.mine || message.mark !== 'sending' || message.file?.url) return null;
  const part = upload && upload.total > 0 ? upload.sent / upload.total : 0;
  const label = t('media.cancel', { name: message.file?.name ?? '', percent: Math.floor(part * 100) });
  return (
    <button
      type="button"
      class={over ? 'ring round ring-over' : 'ring round'}
      aria-label={label}
      title={t('cancel')}
      onClick={() => void session.discard(message.key)}
    >
      {upload?.state === 'running' && <Arc part={part} />}
      <Icon name="close" />
    </button>
  );
}
