// A file in the log: what it is, how large, open and save.
import type { Message, Session } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n';
import { Icon } from '../kit/icon';
import { toast } from '../kit/toast';
import { bytes, isPdf, isText, splitName, typeName } from './kinds';
import { UploadRing } from './ring';
import { openTab, save, useSize } from './source';
import { read } from './state';

export async function saveFile(session: Session, message: Message): Promise<void> {
  if (!(await save(session, message))) toast(t('media.saveFailed'), { bad: true });
}

/** Looked at where that can be done safely, else saved. */
export function openFile(session: Session, message: Message): void {
  const file = message.file!;
  if (isText(file)) read(message);
  else if (isPdf(file) && file.url) openTab(session.reach(file.url));
  else void saveFile(session, message);
}

function Facts({ message }: { message: Message }) {
  const session = useSession();
  const file = message.file!;
  const upload = session.upload(message.key).value;
  const size = useSize(message);
  if (upload && message.mark === 'sending' && !file.url) {
    const total = bytes(upload.total);
    return (
      <>
        {upload.state === 'running'
          ? t('media.progress', { done: bytes(upload.sent), total })
          : t('media.waiting', { total })}
      </>
    );
  }
  return <>{[typeName(file), size && bytes(size)].filter(Boolean).join(' · ')}</>;
}

export function FileCard({ message }: { message: Message }) {
  const session = useSession();
  const file = message.file!;
  const [base, end] = splitName(file.name);
  const going = message.mark === 'sending' && !file.url;
  const opens = isText(file) || isPdf(file);
  return (
    <div class="filecard">
      {going ? (
        <UploadRing message={message} />
      ) : message.mark === 'failed' ? (
        <button
          type="button"
          class="ring err"
          aria-label={`${t('message.retry')}: ${file.name}`}
          title={t('message.retry')}
          onClick={() => void session.retry(message.key)}
        >
          <Icon name="retry" />
        </button>
      ) : (
        <button
          type="button"
          class="ring"
          aria-label={t('media.saveName', { name: file.name })}
          title={t('media.save')}
          onClick={() => void saveFile(session, message)}
        >
          <Icon name="download" />
        </button>
      )}
      <button
        type="button"
        class="fopen"
        aria-label={t(opens ? 'media.open' : 'media.saveName', { name: file.name })}
        title={file.name}
        onClick={() => !going && message.mark !== 'failed' && openFile(session, message)}
      >
        <span class="fname" dir="auto">
          <span>{base}</span>
          <span>{end}</span>
        </span>
        {message.mark === 'failed' && message.failure ? (
          <span class="fsub fbad">{message.failure.text}</span>
        ) : (
          <span class="fsub">
            <Facts message={message} />
          </span>
        )}
      </button>
    </div>
  );
}
