// The dialogs themselves (amend-dialogs.tsx). Fetched when one is asked for.
import type { Message } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n-later';
import { Button } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { toast } from '../kit/toast';
import { full } from '../time';
import type { Deleting } from './amend-dialogs';

/** Mine, and somewhere already: then it can be taken back everywhere. */
const canRetract = (m: Message) => m.mine && !m.retracted && !m.nameless && m.mark !== 'failed';

export function Delete({ messages, decided, close }: Deleting & { close(): void }) {
  const session = useSession();
  const run = (done: Promise<void>) => {
    close();
    decided?.();
    done.catch(() => toast(t('delete.failed'), { bad: true }));
  };
  const everywhere = messages.every(canRetract);
  const n = messages.length;
  const keys = messages.map((m) => m.key);
  return (
    <Dialog title={t('delete.message', { n })} onClose={close}>
      <p class="lead">{t(everywhere ? 'delete.everyoneHint' : 'delete.meHint')}</p>
      <div class="stack">
        {everywhere && (
          <Button look="danger" wide data-first onClick={() => run(session.retract(keys))}>
            {t('delete.everyone')}
          </Button>
        )}
        <Button look={everywhere ? 'soft' : 'danger'} wide onClick={() => run(session.hide(keys))}>
          {t('delete.me')}
        </Button>
        <Button look="plain" wide onClick={close}>
          {t('cancel')}
        </Button>
      </div>
    </Dialog>
  );
}

export function Edits({ message, close }: { message: Message; close(): void }) {
  const all = [...(message.earlier ?? []), { body: message.body, time: message.edited ?? message.time }];
  return (
    <Dialog title={t('edits.title')} onClose={close}>
      <ol class="edits">
        {all.map(({ body, time }) => (
          <li key={time}>
            <time dateTime={new Date(time).toISOString()}>{full(time)}</time>
            <p dir="auto">{body}</p>
          </li>
        ))}
      </ol>
    </Dialog>
  );
}
