import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Failure } from '../../store/model';
import { useApp } from '../context';
import { t } from '../i18n-later';
import { Avatar } from '../kit/avatar';
import { Badge, Button, Field } from '../kit/controls';
import { Icon, Logo } from '../kit/icon';
import { Toasts } from '../kit/toast';
import { SHORTEST } from '../settings/facts';
import { Welcome } from './welcome';

type Mode = 'signin' | 'register';
interface Errors {
  address?: string;
  password?: string;
  /** Not about what was typed: the server, the network. */
  other?: string;
}

/** Says a failure at the field that can mend it. */
function place(failure: Failure, mode: Mode): Errors {
  if (failure.code === 'conflict' || failure.code === 'not-found') return { address: failure.text };
  if (failure.code === 'refused') return mode === 'signin' ? { password: failure.text } : { address: failure.text };
  return { other: failure.text };
}

function check(mode: Mode, address: string, password: string): Errors {
  const errors: Errors = {};
  if (!address.trim()) errors.address = t(mode === 'signin' ? 'signin.errAddress' : 'register.errName');
  else if (/\s/.test(address.trim()) || /^@|@$/.test(address.trim())) errors.address = t('signin.errForm');
  if (!password) errors.password = t('signin.errPassword');
  else if (mode === 'register' && password.length < SHORTEST) errors.password = t('password.errShort', { n: SHORTEST });
  return errors;
}

function Form({ mode, change }: { mode: Mode; change(to: Mode): void }) {
  const app = useApp();
  const domain = app.domain.value;
  const open = app.registrationOpen.value;
  const [address, setAddress] = useState('');
  const [password, setPassword] = useState('');
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  const addressField = useRef<HTMLInputElement>(null);
  const passwordField = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (matchMedia('(pointer: fine)').matches) addressField.current?.focus();
  }, [mode]);

  const show = (found: Errors) => {
    setErrors(found);
    if (found.address) addressField.current?.focus();
    else if (found.password) passwordField.current?.focus();
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    // Password managers fill fields without saying so.
    const options = {
      address: (addressField.current?.value ?? address).trim(),
      password: passwordField.current?.value ?? password,
    };
    const found = check(mode, options.address, options.password);
    if (found.address || found.password) return show(found);
    setErrors({});
    setBusy(true);
    const failure = await (mode === 'signin' ? app.signIn(options) : app.register(options)).catch(
      (): Failure => ({ code: 'unknown', text: t('signin.errUnknown') }),
    );
    setBusy(false);
    if (failure) show(place(failure, mode));
  };

  return (
    <form class="signin-form" onSubmit={submit} noValidate aria-labelledby="signin-title">
      <Logo />
      <h1 id="signin-title">{t(mode === 'signin' ? 'signin.title' : 'register.title')}</h1>
      <p class="lead">{t(mode === 'signin' ? 'signin.lead' : 'register.lead', { domain })}</p>
      <Field
        key={`${mode}a`}
        label={t(mode === 'signin' ? 'signin.address' : 'register.name')}
        type="email"
        autoComplete="username"
        value={address}
        onInput={(value) => {
          setAddress(value);
          setErrors({});
        }}
        error={errors.address}
        placeholder={
          address ? '' : mode === 'signin' ? t('signin.addressPlaceholder', { domain }) : t('register.example')
        }
        suffix={address && domain ? `@${domain}` : undefined}
        required
        inputRef={addressField}
      />
      <Field
        key={`${mode}p`}
        label={t('signin.password')}
        type="password"
        autoComplete={mode === 'signin' ? 'current-password' : 'new-password'}
        value={password}
        onInput={(value) => {
          setPassword(value);
          setErrors({});
        }}
        error={errors.password}
        hint={mode === 'register' ? t('password.hint', { n: SHORTEST }) : undefined}
        required
        inputRef={passwordField}
      />
      {errors.other && (
        <p class="err-text err-box" role="alert">
          <Icon name="alert" />
          <span>{errors.other}</span>
        </p>
      )}
      <Button look="primary" wide type="submit" busy={busy}>
        {t(
          busy
            ? mode === 'signin'
              ? 'signin.busy'
              : 'register.busy'
            : mode === 'signin'
              ? 'signin.submit'
              : 'register.submit',
        )}
      </Button>
      <p class="signin-other">
        {mode === 'register' ? (
          <button type="button" class="link" onClick={() => change('signin')}>
            {t('register.toSignin')}
          </button>
        ) : open === true ? (
          <>
            {t('signin.newHere')}{' '}
            <button type="button" class="link" onClick={() => change('register')}>
              {t('signin.toRegister')}
            </button>
          </>
        ) : (
          open === false && t('signin.closed', { domain })
        )}
      </p>
    </form>
  );
}

/** Accounts that this browser knows already: back to one of them. */
function Known() {
  const app = useApp();
  const accounts = app.accounts.value;
  if (accounts.length === 0) return null;
  return (
    <section class="known" aria-label={t('signin.known')}>
      <h2>{t('signin.known')}</h2>
      {accounts.map((account) => (
        <button
          type="button"
          class="drow account"
          key={account.address}
          onClick={() => app.switchAccount(account.address)}
        >
          <Avatar name={account.name} address={account.address} portraits={account.portraits} />
          <span>
            <bdi>{account.name}</bdi>
            <small>{account.address}</small>
          </span>
          <Badge count={account.unread.value} />
          <Icon name="next" />
        </button>
      ))}
    </section>
  );
}

export function Login() {
  const app = useApp();
  const [mode, setMode] = useState<Mode>('signin');
  return (
    <div class="signin">
      <Welcome />
      <main class="signin-main">
        <div class="signin-card">
          <Form key={mode} mode={mode} change={setMode} />
          <Known />
        </div>
        {app.domain.value && (
          <p class="foot">
            <Icon name="globe" />
            {app.domain.value}
          </p>
        )}
      </main>
      <Toasts />
    </div>
  );
}
