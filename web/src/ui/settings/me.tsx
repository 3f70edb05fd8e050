// What others see of me: picture, name, a few words.
import type { FunctionComponent } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { isConnected, useSession } from '../context';
import { t } from '../i18n-later';
import { Button, Field } from '../kit/controls';
import { Icon } from '../kit/icon';
import { toast } from '../kit/toast';
import type { Crop } from './crop';
import { Group } from './parts';

const NAME_MAX = 100;
const ABOUT_MAX = 500;
/** Larger ones only make a browser slow: nobody's camera makes them. */
const FILE_MAX = 60_000_000;

type CropView = FunctionComponent<Parameters<typeof Crop>[0]>;

/** The buttons to change my picture. */
export function MyPicture() {
  const session = useSession();
  const { address } = session.account;
  const input = useRef<HTMLInputElement>(null);
  const [file, setFile] = useState<File | undefined>(undefined);
  const [View, setView] = useState<CropView | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const has = session.portraits.of(address).value !== '';

  const chosen = (picked: File | undefined) => {
    if (!picked) return;
    // An SVG is a document: it may load and run things.
    if (!/^image\/(?!svg)/.test(picked.type) || picked.size > FILE_MAX)
      return toast(t('picture.unreadable'), { bad: true });
    setFile(picked);
    import('./crop').then(
      (made) => setView(() => made.Crop),
      () => {
        setFile(undefined);
        toast(t('emoji.unavailable'), { bad: true });
      },
    );
  };
  const remove = async () => {
    setBusy(true);
    const failed = await session.setPicture(undefined);
    setBusy(false);
    toast(failed ? failed.text : t('picture.removed'), failed ? { bad: true } : { icon: 'check' });
  };
  return (
    <div class="my-picture">
      <input
        ref={input}
        type="file"
        accept="image/png,image/jpeg,image/webp,image/gif,image/avif,image/heic,image/bmp"
        hidden
        onChange={(event) => {
          chosen(event.currentTarget.files?.[0]);
          event.currentTarget.value = '';
        }}
      />
      <Button look="soft" icon="image" onClick={() => input.current?.click()}>
        {t(has ? 'picture.change' : 'picture.choose')}
      </Button>
      {has && (
        <Button busy={busy} onClick={() => void remove()}>
          {t('picture.remove')}
        </Button>
      )}
      {View && file && (
        <View
          file={file}
          close={(done) => {
            setFile(undefined);
            if (done) toast(t('picture.set'), { icon: 'check' });
          }}
        />
      )}
    </div>
  );
}

function Words() {
  const session = useSession();
  const { address } = session.account;
  const { nick, about } = session.face(address).value;
  const [name, setName] = useState<string | undefined>(undefined);
  const [words, setWords] = useState<string | undefined>(undefined);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const id = useId();
  const connected = isConnected(session);
  useEffect(() => {
    if (connected) session.look(address);
  }, [session, address, connected]);
  const change = {
    ...(name !== undefined && name.trim() !== nick && { name: name.trim() }),
    ...(words !== undefined && words.trim() !== about && { about: words.trim() }),
  };
  const changed = Object.keys(change).length > 0;
  const save = async (event: Event) => {
    event.preventDefault();
    if (!changed || busy) return;
    setBusy(true);
    setError('');
    const failed = await session.setProfile(change);
    setBusy(false);
    if (failed) return setError(failed.text);
    setName(undefined);
    setWords(undefined);
    toast(t('me.saved'), { icon: 'check' });
  };
  const value = words ?? about;
  return (
    <form class="form card-form" onSubmit={save} noValidate>
      <Field
        label={t('me.name')}
        hint={t('me.nameHint')}
        value={name ?? nick}
        onInput={setName}
        maxLength={NAME_MAX}
        placeholder={session.account.name}
      />
      <div class="fieldset">
        <label for={id}>{t('me.about')}</label>
        <div class="input">
          <textarea
            id={id}
            rows={3}
            dir={value ? 'auto' : undefined}
            maxLength={ABOUT_MAX}
            placeholder={t('me.aboutPlaceholder')}
            value={value}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </div>
      </div>
      {error && (
        <p class="err-text" role="alert">
          <Icon name="alert" />
          <span>{error}</span>
        </p>
      )}
      <div class="form-end">
        <Button look="soft" type="submit" busy={busy} aria-disabled={!changed}>
          {t('save')}
        </Button>
      </div>
    </form>
  );
}

export function Me() {
  return (
    <Group title={t('me.title')}>
      <Words />
    </Group>
  );
}
