import type { Code } from 'muttr';
import type { ComponentChildren, JSX } from 'preact';
import { say } from '../i18n/words';
import { Brand } from '../parts/brand';
import { Button } from '../parts/button';
import { Failure } from '../parts/failure';
import { Wait } from '../parts/wait';
import { enter } from '../state/seed';

/** A page of one thing: what stands before the rooms. */
export function Threshold({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <div class="threshold">
      <header>
        <Brand />
      </header>
      <main>{children}</main>
    </div>
  );
}

export function Starting({ wait }: { wait: 'loading' | 'opening' | 'other-tab' }): JSX.Element {
  return (
    <Threshold>
      <h1 class="unseen">{say('muttr')}</h1>
      <Wait>{say(`wait-${wait}`)}</Wait>
    </Threshold>
  );
}

/** Why the page does not run, and the one thing to do about it. */
export function Stopped({ code }: { code: Code }): JSX.Element {
  return (
    <Threshold>
      <h1 class="unseen">{say('muttr')}</h1>
      <Failure code={code} />
      {code === 'ALREADY_OPEN' && (
        <Button kind="main" onPress={() => void enter('wait')}>
          {say('wait-here')}
        </Button>
      )}
      {code !== 'ALREADY_OPEN' && code !== 'INSECURE_CONTEXT' && (
        <Button kind="main" onPress={() => location.reload()}>
          {say('load-again')}
        </Button>
      )}
    </Threshold>
  );
}
