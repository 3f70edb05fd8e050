import { useState } from 'preact/hooks';
import type { ContactRequest } from '../../store/model';
import { useSession } from '../context';
import { t, tn } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Button } from '../kit/controls';
import { acceptRequest, leaving, refuseRequest } from './pending';

/** The card went and took the focus with it: the next card gets it, or the list. */
function keepFocus(): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== document.body) return;
    document
      .querySelector<HTMLElement>('.list .request button, .list .rows-in [tabindex="0"]')
      ?.focus({ preventScroll: true });
  });
}

/** Someone wants to write: answer here, without opening anything. `main`: the one filled button of the view. */
export function RequestCard({ request, main }: { request: ContactRequest; main?: boolean }) {
  const session = useSession();
  const [busy, setBusy] = useState(false);
  if (leaving.value.has(request.address)) return null;
  const { address, name } = request;
  return (
    <section class="request" aria-label={t('request.label', { name })}>
      <Avatar name={name} address={address} />
      <div class="request-who">
        <p class="request-head">{tn('request.wants', { name: <bdi>{name}</bdi> })}</p>
        <p dir="ltr" class="clip">
          {address}
        </p>
        {request.text && (
          <p class="request-text" dir="auto">
            {request.text}
          </p>
        )}
      </div>
      <div class="acts">
        <Button
          look={main ? 'primary' : 'soft'}
          small
          busy={busy}
          onClick={async () => {
            setBusy(true);
            await acceptRequest(session, address, name);
            setBusy(false);
            keepFocus();
          }}
        >
          {t('request.accept')}
        </Button>
        <Button
          look="line"
          small
          onClick={() => {
            refuseRequest(session, address, name);
            keepFocus();
          }}
        >
          {t('request.notNow')}
        </Button>
      </div>
    </section>
  );
}
