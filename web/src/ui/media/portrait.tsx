// Somebody's picture, as large as it is. Fetched when the first is opened.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { useSession } from '../context';
import { t } from '../i18n-later';
import { usePicture } from '../kit/avatar';
import { IconButton } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { portrait } from './state';
import { Zoomable } from './viewer';
import { FIT, zoomed } from './zoom';

export function Portrait({ address, name }: { address: string; name: string }) {
  const session = useSession();
  const src = usePicture(address, session.portraits);
  const zoom = useSignal(FIT);
  const close = () => {
    portrait.value = undefined;
  };
  useEffect(() => {
    // It went while one looked.
    if (session.portraits.of(address).value === '') close();
  });
  const near = zoom.value.scale > 1;
  const label = t('picture.of', { name });
  return (
    <Dialog bare title={label} class="viewer" onClose={close}>
      <div class="viewer-in">
        <header class="bar">
          <IconButton icon="close" label={t('close')} onClick={close} data-first />
          <div class="viewer-who">
            <bdi class="clip">{name}</bdi>
          </div>
          <IconButton
            icon="zoom-in"
            label={t(near ? 'viewer.fit' : 'viewer.zoom')}
            aria-pressed={near}
            onClick={() => {
              zoom.value = near ? FIT : zoomed(FIT, 2, { x: 0, y: 0 });
            }}
          />
        </header>
        <div class="stage-box portrait">
          {src && <Zoomable src={src} alt={label} zoom={zoom} step={() => {}} close={close} />}
        </div>
        <div class="viewer-foot" />
      </div>
    </Dialog>
  );
}
