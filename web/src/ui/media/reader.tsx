// The beginning of a text, as it is: never markup.
import { useEffect, useState } from 'preact/hooks';
import type { Message } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n-later';
import { Button } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { saveFile } from './file-card';
import { reading } from './state';

const SHOWN = 100_000;

export function Reader({ message }: { message: Message }) {
  const session = useSession();
  const [text, setText] = useState<string | undefined>(undefined);
  const [state, setState] = useState<'loading' | 'ready' | 'cut' | 'failed'>('loading');
  const file = message.file!;
  const close = () => {
    reading.value = undefined;
  };
  useEffect(() => {
    const stop = new AbortController();
    void (async () => {
      try {
        const local = await session.localFile(message.key);
        let blob: Blob | undefined = local?.slice(0, SHOWN + 1);
        if (!blob) {
          const answer = await fetch(session.reach(file.url), {
            headers: { Range: `bytes=0-${SHOWN}` },
            credentials: 'omit',
            referrerPolicy: 'no-referrer',
            signal: stop.signal,
          });
          if (!answer.ok) throw new Error(String(answer.status));
          blob = await answer.blob();
        }
        setText(await blob.slice(0, SHOWN).text());
        setState(blob.size > SHOWN ? 'cut' : 'ready');
      } catch {
        if (!stop.signal.aborted) setState('failed');
      }
    })();
    return () => stop.abort();
  }, []);
  return (
    <Dialog title={file.name} class="reader" onClose={close}>
      {state === 'loading' && <p role="status">{t('media.loading')}</p>}
      {state === 'failed' && <p role="alert">{t('media.previewFailed')}</p>}
      {text !== undefined && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys have to reach it.
        <pre dir="auto" tabIndex={0}>
          {text}
        </pre>
      )}
      {state === 'cut' && <p>{t('media.previewCut')}</p>}
      <div class="form-end">
        <Button icon="download" onClick={() => void saveFile(session, message)}>
          {t('media.save')}
        </Button>
        <Button look="primary" onClick={close}>
          {t('close')}
        </Button>
      </div>
    </Dialog>
  );
}
