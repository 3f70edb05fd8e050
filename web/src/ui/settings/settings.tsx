import { isConnected, useApp, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Badge } from '../kit/controls';
import { Icon, type IconName } from '../kit/icon';
import { lazy } from '../kit/lazy';
import { layout } from '../look';
import { hrefOf, route, type Section } from '../router';

const all = lazy(async () => (await import('./all')).pages);

const LIST: [Exclude<Section, 'profile'>, IconName][] = [
  ['appearance', 'sun'],
  ['chats', 'chats'],
  ['privacy', 'eye'],
  ['devices', 'device'],
  ['account', 'lock'],
  ['keyboard', 'text-size'],
];

/** The section on screen: where there is room for two panes, one is always chosen. */
export function currentSection(): Section | undefined {
  return route.value.section ?? (layout.value === 'phone' ? undefined : 'profile');
}

export function SettingsList() {
  const app = useApp();
  const session = useSession();
  const current = currentSection();
  const { name, address } = session.account;
  const others = app.accounts.value.reduce((sum, it) => sum + (it.address === address ? 0 : it.unread.value), 0);
  return (
    <section class="list" aria-label={t('nav.settings')}>
      <header class="bar">
        <h2>{t('nav.settings')}</h2>
      </header>
      <nav class="rows" aria-label={t('settings.sections')}>
        <a
          class="row"
          href={hrefOf({ page: 'settings', section: 'profile' })}
          aria-current={current === 'profile' ? 'page' : undefined}
        >
          <Avatar
            name={name}
            address={address}
            availability={isConnected(session) ? session.presence.value.availability : undefined}
          />
          <span class="row-body">
            <bdi class="row-name clip">{name}</bdi>
            <span class="row-end">
              <span class="row-text clip">{address}</span>
              <Badge count={others} label={t('accounts.othersUnread')} />
            </span>
          </span>
        </a>
        {LIST.map(([section, icon]) => (
          <a
            class="drow"
            key={section}
            href={hrefOf({ page: 'settings', section })}
            aria-current={current === section ? 'page' : undefined}
          >
            <Icon name={icon} />
            <span>
              {t(`${section}.title`)}
              <small>{t(`${section}.short`)}</small>
            </span>
          </a>
        ))}
      </nav>
    </section>
  );
}

export function SettingsPane() {
  const section = currentSection();
  const pages = all.use();
  if (!section) return null;
  const Page = pages?.[section];
  return Page ? <Page key={section} /> : <section class="main" data-coming />;
}

/** By itself, for the dialog. */
export function Shortcuts() {
  const Table = all.use()?.shortcuts;
  return Table ? <Table /> : null;
}
