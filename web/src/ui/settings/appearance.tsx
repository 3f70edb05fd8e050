import type { Settings } from '../../store/model';
import { useApp } from '../context';
import { t } from '../i18n-later';
import { Group, Page } from './parts';

const THEMES: readonly Settings['theme'][] = ['system', 'light', 'dark'];
const SIZES = [100, 115, 130, 150, 200];

/** A window in small; its colours are those of the theme that it stands for, whatever is on now. */
function MiniWindow({ side }: { side: 'light' | 'dark' }) {
  return (
    <g class={`mini mini-${side}`}>
      <rect class="mini-ground" width="120" height="80" />
      <rect class="mini-pane" width="38" height="80" />
      {[14, 32, 50].map((y, i) => (
        <g class="mini-line" key={y}>
          <circle cx="10" cy={y} r="5" />
          <rect x="19" y={y - 3} width={i === 1 ? 11 : 14} height="5" rx="2.5" />
        </g>
      ))}
      <rect class="mini-in" x="46" y="16" width="38" height="14" rx="6" />
      <rect class="mini-own" x="72" y="36" width="40" height="14" rx="6" />
      <rect class="mini-in" x="46" y="56" width="28" height="14" rx="6" />
    </g>
  );
}

function ThemePreview({ theme }: { theme: Settings['theme'] }) {
  return (
    <span class="prev">
      <svg viewBox="0 0 120 80" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
        <MiniWindow side={theme === 'dark' ? 'dark' : 'light'} />
        {theme === 'system' && (
          <>
            <clipPath id="half">
              <path d="M74 0h46v80H46Z" />
            </clipPath>
            <g clip-path="url(#half)">
              <MiniWindow side="dark" />
            </g>
          </>
        )}
      </svg>
    </span>
  );
}

function TextSize() {
  const app = useApp();
  const { textSize } = app.settings.value;
  const at = Math.max(0, SIZES.indexOf(textSize));
  return (
    <Group title={t('appearance.textSize')}>
      <div class="demo" aria-hidden="true">
        <div class="msg in first">
          <div class="bubble">
            <div class="text">{t('appearance.demoIn')}</div>
          </div>
        </div>
        <div class="msg own first">
          <div class="bubble">
            <div class="text">{t('appearance.demoOwn')}</div>
          </div>
        </div>
      </div>
      <div class="slider">
        <span class="slider-a" aria-hidden="true">
          A
        </span>
        <input
          type="range"
          min={0}
          max={SIZES.length - 1}
          step={1}
          value={at}
          aria-label={t('appearance.textSize')}
          aria-valuetext={t('appearance.percent', { n: textSize })}
          onChange={(event) => app.setSettings({ textSize: SIZES[Number(event.currentTarget.value)] ?? 100 })}
        />
        <span class="slider-b" aria-hidden="true">
          A
        </span>
        <output class="num">{t('appearance.percent', { n: textSize })}</output>
      </div>
    </Group>
  );
}

export function AppearancePage() {
  const app = useApp();
  const { theme } = app.settings.value;
  return (
    <Page title={t('appearance.title')} lead={t('appearance.lead')}>
      <Group title={t('appearance.theme')}>
        <div class="tiles" role="radiogroup" aria-label={t('appearance.theme')}>
          {THEMES.map((it) => (
            <label class="tile" key={it}>
              <input
                class="sr"
                type="radio"
                name="theme"
                value={it}
                checked={theme === it}
                onChange={() => app.setSettings({ theme: it })}
              />
              <ThemePreview theme={it} />
              {t(`appearance.${it}`)}
            </label>
          ))}
        </div>
      </Group>
      <TextSize />
    </Page>
  );
}
