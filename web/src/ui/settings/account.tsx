import { useRef, useState } from 'preact/hooks';
import { useSession } from '../context';
import { t } from '../i18n-later';
import { Button, Field } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { toast } from '../kit/toast';
import { download, openTab } from '../media/source';
import { SHORTEST } from './facts';
import { Group, Page } from './parts';

function ChangePassword() {
  const session = useSession();
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [errors, setErrors] = useState<{ old?: string; fresh?: string }>({});
  const [busy, setBusy] = useState(false);
  const oldField = useRef<HTMLInputElement>(null);
  const freshField = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!old) {
      setErrors({ old: t('password.errOld') });
      oldField.current?.focus();
      return;
    }
    if (fresh.length < SHORTEST) {
      setErrors({ fresh: t('password.errShort', { n: SHORTEST }) });
      freshField.current?.focus();
      return;
    }
    setBusy(true);
    const failed = await session.changePassword(old, fresh);
    setBusy(false);
    if (failed) {
      setErrors(failed.code === 'refused' ? { old: failed.text } : { fresh: failed.text });
      (failed.code === 'refused' ? oldField : freshField).current?.focus();
      return;
    }
    setOld('');
    setFresh('');
    setErrors({});
    toast(t('password.done'));
  };
  return (
    <form class="form card-form" onSubmit={submit} noValidate>
      {/* For password managers, which want to know whose password it is. */}
      <input
        class="sr"
        type="text"
        autoComplete="username"
        tabIndex={-1}
        aria-hidden="true"
        readOnly
        value={session.account.address}
      />
      <Field
        label={t('password.old')}
        type="password"
        autoComplete="current-password"
        value={old}
        onInput={(value) => {
          setOld(value);
          setErrors({});
        }}
        error={errors.old}
        inputRef={oldField}
      />
      <Field
        label={t('password.new')}
        type="password"
        autoComplete="new-password"
        hint={t('password.hint', { n: SHORTEST })}
        value={fresh}
        onInput={(value) => {
          setFresh(value);
          setErrors({});
        }}
        error={errors.fresh}
        inputRef={freshField}
      />
      <div class="form-end">
        <Button look="primary" type="submit" busy={busy}>
          {t('password.submit')}
        </Button>
      </div>
    </form>
  );
}

function SaveCopy() {
  const session = useSession();
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    const address = await session.exportAddress();
    setBusy(false);
    if (typeof address !== 'string') return toast(address.text, { bad: true });
    // An account of another server: what its address answers must not take the place of this page.
    if (new URL(address).origin === location.origin) download(address, `${session.account.address}.xml`, false);
    else openTab(address);
    toast(t('export.begun'), { icon: 'download' });
  };
  return (
    <div class="set stack-sm">
      <div>
        <b>{t('export.title')}</b>
        <p>{t('export.hint')}</p>
      </div>
      <Button icon="download" busy={busy} onClick={() => void save()}>
        {t('export.save')}
      </Button>
    </div>
  );
}

/** This cannot be taken back, so it is the one place with a real question. */
function DeleteDialog({ close }: { close(): void }) {
  const session = useSession();
  const [password, setPassword] = useState('');
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const { address } = session.account;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!password) {
      setError(t('delete.errPassword'));
      field.current?.focus();
      return;
    }
    setBusy(true);
    const failed = await session.deleteAccount(password);
    setBusy(false);
    if (failed) {
      setError(failed.text);
      field.current?.focus();
    } else toast(t('delete.done', { address }));
  };
  return (
    <Dialog title={t('delete.title')} onClose={close}>
      <form class="form" onSubmit={submit} noValidate>
        <p class="lead">{t('delete.lead', { address })}</p>
        <ul class="plain-list">
          <li>{t('delete.what1')}</li>
          <li>{t('delete.what2')}</li>
          <li>{t('delete.what3')}</li>
          <li>{t('delete.what4')}</li>
        </ul>
        <Field
          label={t('delete.password')}
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
          <Button onClick={close}>{t('delete.keep')}</Button>
          <Button look="danger" class="btn-danger-full" type="submit" busy={busy}>
            {t('delete.submit')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function AccountPage() {
  const [deleting, setDeleting] = useState(false);
  return (
    <Page title={t('account.title')} lead={t('account.lead')}>
      <Group title={t('password.title')}>
        <ChangePassword />
      </Group>
      <Group title={t('export.group')}>
        <SaveCopy />
      </Group>
      <Group title={t('delete.group')}>
        <div class="set stack-sm">
          <div>
            <b>{t('delete.title')}</b>
            <p>{t('delete.hint')}</p>
          </div>
          <Button look="danger" icon="trash" onClick={() => setDeleting(true)}>
            {t('delete.open')}
          </Button>
        </div>
      </Group>
      {deleting && <DeleteDialog close={() => setDeleting(false)} />}
    </Page>
  );
}
