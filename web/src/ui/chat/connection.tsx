// The connection may come and go without moving a single message: a thin line on the top edge after two
// seconds, and a pill that floats under the header.
import { useSignal, useSignalEffect } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';
import type { Failure } from '../../store/model';
import { useApp, useSession } from '../context';
import { t } from '../i18n';
import { Button, Field } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';

const PATIENCE = 2000;

/** True once the connection has been away long enough to be worth a word; `now` ticks for the countdown. */
function useAway() {
  const session = useSession();
  const away = useSignal(false);
  const now = useSignal(Date.now());
  useSignalEffect(() => {
    const it = session.connection.value;
    if (it.state !== 'connecting' && it.state !== 'waiting' && it.state !== 'offline') {
      away.value = false;
      return;
    }
    const tick = () => {
      now.value = Date.now();
      away.value = it.state === 'offline' || now.value - it.since >= PATIENCE;
    };
    tick();
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  });
  return { away: away.value, now };
}

export function NetLine() {
  const session = useSession();
  const { away } = useAway();
  const { state } = session.connection.value;
  if (!away || state === 'offline') return null;
  return <div class="netline" aria-hidden="true" />;
}

const signInAgain = { asked: false };

function SignInAgain({ failure, close }: { failure: Failure; close(): void }) {
  const app = useApp();
  const session = useSession();
  const [password, setPassword] = useState('');
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!password) {
      setError(t('signin.errPassword'));
      field.current?.focus();
      return;
    }
    setBusy(true);
    const failed = await app.signIn({ address: session.account.address, password });
    setBusy(false);
    if (failed) {
      setError(failed.text);
      field.current?.focus();
    } else close();
  };
  return (
    <Dialog title={t('ended.title')} onClose={close}>
      <form class="form" onSubmit={submit} noValidate>
        <p class="lead">{failure.text}</p>
        <p class="lead">{t('ended.lead', { address: session.account.address })}</p>
        <Field
          label={t('signin.password')}
          type="password"
          autoComplete="current-password"
          value={password}
          onInput={(value) => {
            setPassword(value);
            setError(undefined);
          }}
          error={error}
          first
          inputRef={field}
        />
        <div class="form-end">
          <Button look="danger" onClick={() => void session.signOut()}>
            {t('ended.remove')}
          </Button>
          <Button look="primary" type="submit" busy={busy}>
            {t('signin.submit')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function Banner() {
  const session = useSession();
  const { away, now } = useAway();
  const it = session.connection.value;
  const [asking, setAsking] = useState(false);
  if (it.state === 'ended') {
    // Asked once by itself, then only when the reader says so: the history stays readable.
    if (!signInAgain.asked) {
      signInAgain.asked = true;
      queueMicrotask(() => setAsking(true));
    }
    return (
      <>
        <div class="banner banner-bad" role="status">
          <Icon name="alert" />
          <span>{t('ended.banner')}</span>
          <Button small onClick={() => setAsking(true)}>
            {t('ended.again')}
          </Button>
        </div>
        {asking && <SignInAgain failure={it.failure} close={() => setAsking(false)} />}
      </>
    );
  }
  signInAgain.asked = false;
  if (!away) return <div role="status" class="sr" />;
  if (it.state === 'offline')
    return (
      <div class="banner" role="status">
        <Icon name="offline" />
        <span>{t('offline.banner')}</span>
      </div>
    );
  const seconds = it.state === 'waiting' ? Math.max(0, Math.ceil((it.retryAt - now.value) / 1000)) : 0;
  return (
    <div class="banner quiet">
      {/* The status is said once; the countdown is only for the eye. */}
      <span class="sr" role="status">
        {t('reconnecting')}
      </span>
      <span aria-hidden="true" class="num">
        {seconds > 0 ? t('reconnecting.in', { n: seconds }) : t('reconnecting')}
      </span>
      {seconds > 0 && (
        <Button small aria-label={t('reconnecting.nowLong')} onClick={() => session.reconnect()}>
          {t('reconnecting.now')}
        </Button>
      )}
    </div>
  );
}
