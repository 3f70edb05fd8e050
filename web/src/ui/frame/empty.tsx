import { useSession } from '../context';
import { COMMAND, t, tn } from '../i18n';
import { Icon, type IconName, Logo } from '../kit/icon';
import { openSwitcher } from '../list/switcher-state';
import { addContact } from '../people/add-contact';
import { go } from '../router';

function Way({ icon, title, hint, run }: { icon: IconName; title: string; hint: string; run(): void }) {
  return (
    <button type="button" class="way" onClick={run}>
      <span class="pad">
        <Icon name={icon} />
      </span>
      <span>
        <b>{title}</b>
        <small>{hint}</small>
      </span>
      <Icon name="next" />
    </button>
  );
}

/** The main pane without a chat: the first steps of a new account, else one line. */
export function NoChat() {
  const session = useSession();
  const { account } = session;
  const fresh = session.chatOrder.value.length === 0 && session.contactOrder.value.length === 0;
  if (!fresh || session.firstStart.value)
    return (
      <section class="main" aria-label={t('chat.label')}>
        <div class="blank">
          <Icon name="chats" />
          <p>
            {tn('chat.choose', {
              keys: (
                <button type="button" class="key-button" onClick={openSwitcher} aria-label={t('switcher.label')}>
                  <kbd class="cap">{COMMAND} K</kbd>
                </button>
              ),
            })}
          </p>
        </div>
      </section>
    );
  return (
    <section class="main" aria-label={t('chat.label')}>
      <div class="empty">
        <Logo />
        <h2>{t('welcome.title', { name: account.name })}</h2>
        <p>{t('welcome.lead', { address: account.address })}</p>
        <div class="ways card">
          <Way icon="user-plus" title={t('add.title')} hint={t('add.short')} run={() => addContact()} />
          <Way
            icon="edit"
            title={t('notes.begin')}
            hint={t('notes.beginHint')}
            run={() => go({ page: 'chats', chat: account.address })}
          />
          <Way
            icon="smile"
            title={t('welcome.status')}
            hint={t('welcome.statusHint')}
            run={() => go({ page: 'settings', section: 'profile' })}
          />
        </div>
      </div>
    </section>
  );
}
