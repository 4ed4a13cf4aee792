import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId } from 'preact/hooks';
import { OwnAddress } from '../contacts/own-address';
import { grouped, say, size } from '../i18n/words';
import { Keep } from '../join/keep';
import { Restore } from '../join/restore';
import { KeepSwitch } from '../network/keep-switch';
import { LinkState } from '../network/link';
import { Button } from '../parts/button';
import { seed } from '../state/phase';
import { appearance, type Appearance } from '../state/preferences';
import { askToPersist, host, identity, persisted, unsaved } from '../state/seed';

declare const __VERSION__: string;
declare const __BUILD__: string;

export function Settings(): JSX.Element {
  return (
    <div class="room narrow">
      <h1>{say('settings-title')}</h1>
      <You />
      <Storage />
      <Pod />
      <Appearances />
      <About />
    </div>
  );
}

function Part({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{name}</h2>
      {children}
    </section>
  );
}

function You(): JSX.Element {
  const open = useSignal<'none' | 'keep' | 'restore'>('none');
  const close = (): void => {
    open.value = 'none';
  };
  return (
    <Part name={say('settings-you')}>
      <dl class="facts">
        <dt>{say('settings-address')}</dt>
        <dd>
          <OwnAddress />
        </dd>
        <dt>{say('settings-fingerprint')}</dt>
        <dd class="mono" data-fingerprint={identity.value?.fingerprint}>
          {grouped(identity.value?.fingerprint ?? '')}
        </dd>
        <dt>{say('settings-identity')}</dt>
        <dd>{unsaved.value ? say('settings-unsaved') : say('settings-saved')}</dd>
      </dl>
      <div class="row">
        <Button icon="save" onPress={() => (open.value = 'keep')}>
          {say('keep-save')}
        </Button>
        <Button onPress={() => (open.value = 'restore')}>{say('settings-restore')}</Button>
      </div>
      {open.value === 'keep' && <Keep onClose={close} />}
      {open.value === 'restore' && <Restore onClose={close} />}
    </Part>
  );
}

function Storage(): JSX.Element {
  const estimate = useSignal<StorageEstimate | undefined>(undefined);
  const refused = useSignal(false);
  useEffect(() => {
    void navigator.storage?.estimate?.().then((found) => (estimate.value = found));
  }, []);
  const ask = async (): Promise<void> => {
    refused.value = !(await askToPersist());
  };
  return (
    <Part name={say('settings-storage')}>
      <KeepSwitch />
      {estimate.value && (
        <p>
          {say('settings-storage-used', {
            used: size(estimate.value.usage ?? 0),
            quota: size(estimate.value.quota ?? 0),
          })}
        </p>
      )}
      <p class="small quiet" data-persisted={persisted.value}>
        {persisted.value
          ? say('settings-storage-persisted')
          : unsaved.value
            ? say('settings-storage-unpersisted')
            : say('keep-unpersisted')}
      </p>
      {!persisted.value && (
        <div class="row">
          <Button onPress={() => void ask()}>{say('settings-storage-ask')}</Button>
          <span class="small quiet" role="status">
            {refused.value ? say('settings-storage-refused') : ''}
          </span>
        </div>
      )}
    </Part>
  );
}

function Pod(): JSX.Element {
  return (
    <Part name={say('settings-pod')}>
      <dl class="facts">
        <dt>{say('settings-pod-host')}</dt>
        <dd>{host.value}</dd>
        <dt>{say('settings-pod-link')}</dt>
        <dd>
          <LinkState host={host.value} />
        </dd>
        <dt>{say('settings-pod-seed')}</dt>
        <dd class="mono">{seed.value?.id}</dd>
      </dl>
    </Part>
  );
}

const appearances: readonly Appearance[] = ['system', 'light', 'dark'];

function Appearances(): JSX.Element {
  return (
    <Part name={say('settings-appearance')}>
      <div class="choices" role="radiogroup" aria-label={say('settings-appearance')}>
        {appearances.map((each) => (
          <label key={each}>
            <input
              type="radio"
              name="appearance"
              checked={appearance.value === each}
              onChange={() => (appearance.value = each)}
            />
            {say(`appearance-${each}`)}
          </label>
        ))}
      </div>
    </Part>
  );
}

function About(): JSX.Element {
  return (
    <Part name={say('settings-about')}>
      <p>{say('about-what')}</p>
      <dl class="facts">
        <dt>{say('about-version')}</dt>
        <dd>
          {__VERSION__} {__BUILD__ !== '' && <span class="mono quiet">{__BUILD__}</span>}
        </dd>
        <dt>{say('about-licence')}</dt>
        <dd>MIT OR Apache-2.0</dd>
      </dl>
    </Part>
  );
}
