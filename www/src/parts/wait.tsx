import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** Says what is waited for, once it has taken long enough to be noticed. */
export function Wait({
  children,
  atOnce = false,
}: {
  children: string;
  atOnce?: boolean;
}): JSX.Element | null {
  const [shown, show] = useState(atOnce);
  useEffect(() => {
    const timer = setTimeout(() => show(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return shown ? (
    <span class="wait" role="status">
      {children}
    </span>
  ) : null;
}
