// A new contact's address and name. Fetched when somebody is to be added.
import { useRef, useState } from 'preact/hooks';
import type { Failure } from '../../store/model';
import { useApp, useSession } from '../context';
import { t } from '../i18n-later';
import { Button, Field } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { toast } from '../kit/toast';
import { go } from '../router';

interface Props {
  /** The address to begin with. */
  begin: string;
  close(): void;
}

function AddContactForm({ begin, close }: Props) {
  const app = useApp();
  const session = useSession();
  const [address, setAddress] = useState(begin);
  const [name, setName] = useState('');
  const [failure, setFailure] = useState<Failure | { text: string } | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  const submit = async (event: Event) => {
    event.preventDefault();
    const typed = address.trim();
    const whole = typed.includes('@') ? typed : `${typed}@${app.domain.value}`;
    if (!/^[^@\s]+@[^@\s]+$/.test(whole)) {
      setFailure({ text: t('add.errAddress') });
      field.current?.focus();
      return;
    }
    setBusy(true);
    const failed = await session.addContact(whole, name.trim() || undefined);
    setBusy(false);
    setFailure(failed);
    if (failed) {
      field.current?.focus();
      return;
    }
    close();
    toast(t('add.done', { name: name.trim() || whole }));
    go({ page: 'chats', chat: whole.toLowerCase() });
  };

  return (
    <form onSubmit={submit} noValidate class="form">
      <p class="lead">{t('add.lead')}</p>
      <Field
        label={t('add.address')}
        type="email"
        value={address}
        onInput={(value) => {
          setAddress(value);
          setFailure(undefined);
        }}
        error={failure?.text}
        placeholder={t('add.addressPlaceholder', { domain: app.domain.value })}
        suffix={address ? `@${app.domain.value}` : undefined}
        required
        first
        inputRef={field}
      />
      <Field label={t('add.name')} hint={t('add.nameHint')} value={name} onInput={setName} maxLength={200} />
      <div class="form-end">
        <Button onClick={close}>{t('cancel')}</Button>
        <Button look="primary" type="submit" busy={busy}>
          {t('add.submit')}
        </Button>
      </div>
    </form>
  );
}

export function AddForm(props: Props) {
  return (
    <Dialog title={t('add.title')} onClose={props.close}>
      <AddContactForm {...props} />
    </Dialog>
  );
}
