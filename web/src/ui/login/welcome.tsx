// Beside the form, where there is room: what one is about to get, drawn with the product's own bubbles.
import { t } from '../i18n-later';
import { Icon } from '../kit/icon';
import { MarkSign } from '../kit/marks';

function Line({ text, time, own, first }: { text: string; time: string; own?: boolean; first?: boolean }) {
  return (
    <div class={`msg ${own ? 'own' : 'in'} ${first ? 'first' : ''}`}>
      <div class="bubble-line">
        <div class="bubble">
          <div class="text">
            {text}
            <span class="meta">
              <time>{time}</time>
              {own && <MarkSign mark="read" />}
            </span>
          </div>
        </div>
      </div>
    </div>
  );
}

export function Welcome() {
  return (
    <aside class="welcome" aria-label={t('welcome.aside')}>
      <p class="welcome-line">{t('signin.slogan')}</p>
      <div class="welcome-talk" aria-hidden="true" inert>
        <Line first text={t('welcome.talk1')} time="06:10" />
        <Line first own text={t('welcome.talk2')} time="06:31" />
        <Line own text={t('welcome.talk3')} time="06:31" />
        <Line first text={t('welcome.talk4')} time="06:32" />
      </div>
      <ul class="welcome-facts">
        <li>
          <Icon name="device" />
          {t('welcome.fact1')}
        </li>
        <li>
          <Icon name="globe" />
          {t('welcome.fact2')}
        </li>
      </ul>
    </aside>
  );
}
