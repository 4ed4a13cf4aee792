import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { say, size } from '../i18n/words';
import { Button } from '../parts/button';
import { keepBytesDefault } from '../state/preferences';
import { answer, identity } from '../state/seed';
import { ArrivalPicture } from './picture';
import { Restore } from './restore';
import { Threshold } from './threshold';

/** One sentence, one picture, one question. The identity is made while it is read. */
export function Arrival(): JSX.Element {
  const restoring = useSignal(false);
  const chosen = useSignal(false);
  const made = identity.value !== undefined;
  const choose = async (quotaBytes: number): Promise<void> => {
    chosen.value = true;
    await whenMade();
    await answer(quotaBytes);
  };
  return (
    <Threshold>
      <h1 class="lead">{say('arrival-title')}</h1>
      <ArrivalPicture />
      <section class="question" aria-labelledby="question">
        <p id="question">
          <strong>{say('arrival-question')}</strong>{' '}
          <span class="quiet">{say('arrival-limit', { size: size(keepBytesDefault) })}</span>
        </p>
        <div class="row">
          <Button kind="main" off={chosen.value} onPress={() => void choose(keepBytesDefault)}>
            {say('arrival-yes')}
          </Button>
          <Button off={chosen.value} onPress={() => void choose(0)}>
            {say('arrival-no')}
          </Button>
        </div>
      </section>
      <p class="small quiet" role="status">
        {!made ? say('arrival-making') : chosen.value ? say('arrival-joining') : say('arrival-ready')}
      </p>
      <Button kind="plain" onPress={() => (restoring.value = true)}>
        {say('arrival-restore')}
      </Button>
      {restoring.value && <Restore onClose={() => (restoring.value = false)} />}
    </Threshold>
  );
}

/** An answer given before the identity is there waits for it. */
function whenMade(): Promise<void> {
  return new Promise((resolve) => {
    const stop = identity.subscribe((made) => {
      if (made === undefined) return;
      queueMicrotask(() => stop());
      resolve();
    });
  });
}
