import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Device, Failure } from '../../store/model';
import { useSession } from '../context';
import { t } from '../i18n-later';
import { Button } from '../kit/controls';
import { Icon } from '../kit/icon';
import { toast } from '../kit/toast';
import { brief } from '../time';
import { Group, Page } from './parts';

const nameOf = (device: Device) => device.name || device.software || t('devices.unnamed');

function words(device: Device): string {
  const parts = device.name && device.software ? [device.software] : [];
  if (device.connected) parts.push(t('devices.now'));
  else if (device.lastSeen) parts.push(t('devices.last', { when: brief(device.lastSeen) }));
  return parts.join(' · ');
}

function Row({ device, signOut }: { device: Device; signOut?: (device: Device) => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  const name = nameOf(device);
  return (
    <li class="set ico">
      <Icon name="device" />
      <div>
        <b>
          <bdi>{name}</bdi>
        </b>
        <p>{words(device)}</p>
      </div>
      {signOut && (
        <Button
          small
          look="line"
          busy={busy}
          aria-label={t('devices.outOne', { name })}
          onClick={() => {
            setBusy(true);
            void signOut(device).finally(() => setBusy(false));
          }}
        >
          {t('devices.out')}
        </Button>
      )}
    </li>
  );
}

/** Undefined: not known yet. */
function useDevices() {
  const session = useSession();
  const [found, setFound] = useState<readonly Device[] | Failure | undefined>(undefined);
  const load = async () => setFound(await session.devices());
  const { state } = session.connection.value;
  const here = state === 'online' || state === 'following'; // not each step of coming back
  useEffect(() => {
    let over = false;
    void session
      .devices()
      .then((answer) => !over && setFound((old) => ('length' in answer ? answer : (old ?? answer))));
    return () => {
      over = true;
    };
  }, [session, here]);
  return { found, load };
}

export function DevicesPage() {
  const session = useSession();
  const { found, load } = useDevices();
  const [busy, setBusy] = useState(false);
  const list = found && 'length' in found ? found : [];
  const others = list.filter((d) => !d.here);
  const rest = useRef<HTMLDivElement>(null);
  const working = useRef(false);
  // The button that was pressed goes with its device: the focus stays with those that are left.
  useLayoutEffect(() => {
    if (!working.current || document.activeElement !== document.body) return;
    working.current = false;
    rest.current?.focus({ preventScroll: true });
  });
  const signOut = async (device: Device) => {
    working.current = true;
    const failed = await session.signOutDevice(device.id);
    toast(failed ? failed.text : t('devices.done', { name: nameOf(device) }));
    await load();
  };
  const signOutAll = async () => {
    working.current = true;
    setBusy(true);
    let failed: Failure | undefined;
    for (const device of others) failed = (await session.signOutDevice(device.id)) ?? failed;
    toast(failed ? failed.text : t('devices.doneAll'));
    await load();
    setBusy(false);
  };
  return (
    <Page title={t('devices.title')} lead={t('devices.lead')}>
      {!found && <p class="lead">{t('devices.wait')}</p>}
      {found && !('length' in found) && (
        <div class="card">
          <div class="set stack-sm">
            <p role="alert">{found.text}</p>
            <Button look="line" onClick={() => void load()}>
              {t('devices.again')}
            </Button>
          </div>
        </div>
      )}
      {list.length > 0 && (
        <>
          <Group title={t('devices.here')}>
            <ul>
              {list
                .filter((d) => d.here)
                .map((d) => (
                  <Row key={d.id} device={d} />
                ))}
            </ul>
          </Group>
          <div ref={rest} tabIndex={-1}>
            <Group title={t('devices.others')}>
              {others.length === 0 ? (
                <div class="set">
                  <p>{t('devices.none')}</p>
                </div>
              ) : (
                <ul>
                  {others.map((d) => (
                    <Row key={d.id} device={d} signOut={signOut} />
                  ))}
                  {others.length > 1 && (
                    <li class="set">
                      <div>
                        <b>{t('devices.everywhere')}</b>
                        <p>{t('devices.everywhereHint')}</p>
                      </div>
                      <Button
                        small
                        look="danger"
                        busy={busy}
                        aria-label={t('devices.outAll')}
                        onClick={() => void signOutAll()}
                      >
                        {t('devices.outAllShort')}
                      </Button>
                    </li>
                  )}
                </ul>
              )}
            </Group>
          </div>
          <p class="lead">{t('devices.password')}</p>
        </>
      )}
    </Page>
  );
}
