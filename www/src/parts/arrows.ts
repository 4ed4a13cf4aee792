const steps: Record<string, number> = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

/** In a list: arrows, Home and End move the focus between the elements marked `data-stop`. */
export function moveByArrows(event: KeyboardEvent): void {
  const list = event.currentTarget;
  if (!(list instanceof Element) || event.altKey || event.ctrlKey || event.metaKey) return;
  const stops = [...list.querySelectorAll<HTMLElement | SVGElement>('[data-stop]')];
  const at = stops.findIndex((each) => each === document.activeElement);
  const step = steps[event.key];
  let to: number;
  if (step !== undefined) to = at + step;
  else if (event.key === 'Home') to = 0;
  else if (event.key === 'End') to = stops.length - 1;
  else return;
  event.preventDefault();
  stops[Math.min(Math.max(to, 0), stops.length - 1)]?.focus();
}
