// The way between the three places: a rail beside the panes, or a bar under the lists on a phone.
import { isConnected, useApp, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Badge } from '../kit/controls';
import { Icon, type IconName } from '../kit/icon';
import { type Item, showMenu } from '../kit/menu';
import { leaving } from '../people/pending';
import { go, hrefOf, type Route, route } from '../router';
import { CHOICES } from '../settings/facts';

function Place({ page, icon, count, label }: { page: Route['page']; icon: IconName; count: number; label?: string }) {
  const current = route.value.page === page;
  return (
    <a
      class="rail-item"
      href={hrefOf({ page })}
      aria-current={current ? 'page' : undefined}
      title={t(`nav.${page}`)}
      draggable={false}
    >
      <Icon name={icon} />
      <span class="rail-label">{t(`nav.${page}`)}</span>
      <Badge count={count} {...(label ? { label } : {})} />
    </a>
  );
}

function Me() {
  const app = useApp();
  const session = useSession();
  const { address, name } = session.account;
  const mine = session.presence.value;
  // Cut off, nobody sees what one has chosen.
  const seen = isConnected(session) ? mine.availability : 'offline';
  const others = app.accounts.value.reduce((sum, it) => sum + (it.address === address ? 0 : it.unread.value), 0);

  const open = (at: DOMRect) => {
    const items: Item[] = CHOICES.map((choice) => ({
      label: t(`profile.${choice}`),
      checked: mine.availability === choice,
      sign: <span class={`choice-mark is-${choice}`} aria-hidden="true" />,
      run: () => session.setPresence(choice, mine.text),
    }));
    items.push({
      label: mine.text || t('profile.statusSet'),
      icon: 'edit',
      run: () => {
        go({ page: 'settings', section: 'profile' });
        setTimeout(() => document.getElementById('status-text')?.focus());
      },
    });
    app.accounts.value.forEach((account, i) => {
      if (account.address === address) return;
      items.push({
        label: account.address,
        apart: i === 0 || items.length === CHOICES.length + 1,
        sign: <Avatar name={account.name} address={account.address} portraits={account.portraits} />,
        end: <Badge count={account.unread.value} />,
        run: () => app.switchAccount(account.address),
      });
    });
    items.push({ label: t('accounts.add'), icon: 'user-plus', apart: true, run: () => app.addAccount() });
    showMenu({ label: t('me.menu'), items, at, note: address });
  };

  return (
    <button
      type="button"
      class="rail-me"
      aria-haspopup="menu"
      aria-label={t('me.label', { name, presence: t(`presence.${seen}`) })}
      title={name}
      onClick={(event) => open(event.currentTarget.getBoundingClientRect())}
    >
      <Avatar name={name} address={address} availability={seen} />
      <Badge count={others} label={t('accounts.othersUnread')} />
    </button>
  );
}

export function Rail() {
  const app = useApp();
  const session = useSession();
  const requests = session.requests.value.filter((it) => !leaving.value.has(it.address)).length;
  const others = app.accounts.value.reduce(
    (sum, it) => sum + (it.address === session.account.address ? 0 : it.unread.value),
    0,
  );
  return (
    <nav class="rail" aria-label={t('nav.label')}>
      <img class="rail-logo" src="/icon.svg" alt="" />
      <Place page="chats" icon="chats" count={session.unread.value} />
      <Place page="people" icon="people" count={requests} label={t('badge.requests')} />
      <span class="rail-gap" />
      <Place page="settings" icon="settings" count={0} />
      {others > 0 && <span class="rail-dot only-phone" role="img" aria-label={t('accounts.othersUnread')} />}
      <Me />
    </nav>
  );
}
