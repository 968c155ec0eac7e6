import { useEffect, useRef, useState } from 'react';
import type { Decision, Entrant, OutputRow } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { bytes, duration, figure, score } from '../../lib/format';
import { saveBlob, saveText } from '../../lib/save';
import { useStore } from '../../lib/store';
import { theme } from '../../lib/theme';
import { Button, Failure, Skeleton } from '../../ui/parts';
import { RouteName } from '../tasks/RouteName';
import type { draw as Draw } from './draw';
import { axes, plotted, table, type Axis, type Plotted } from './points';
import { span } from './words';

interface PlotProps {
  decision: Decision;
  finalists: Entrant[];
  outputs: OutputRow[] | null;
}

/** Quality against time, money or memory, with intervals both ways; what nothing beats in both is joined by a line. */
export function QualityPlot({ decision, finalists, outputs }: PlotProps) {
  const { t, lang } = useTaskText();
  const [axis, setAxis] = useState<Axis>('latency');
  const place = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLElement>(null);
  const [error, setError] = useState<unknown>(null);
  const [drawn, setDrawn] = useState(false);
  const width = useWidth(frame);
  const look = useLook();
  const names: Record<Axis, string> = { latency: t.medianTime, cost: t.costPerThousand, memory: t.memoryOfModel };
  const points = plotted(decision, finalists, outputs, axis);
  const shown = JSON.stringify(points);
  const written: Record<Axis, (value: number) => string> = { latency: (value) => duration(value, lang), cost: (value) => figure(value, lang), memory: (value) => bytes(value, lang) };
  useEffect(() => {
    if (width === 0) return;
    let gone = false;
    const show = async () => {
      const { draw } = await import('./draw');
      if (gone || !place.current) return;
      const all = JSON.parse(shown) as Plotted[];
      place.current.replaceChildren(draw(described(all)));
      setDrawn(true);
    };
    show().catch((problem: unknown) => !gone && setError(problem));
    return () => {
      gone = true;
    };
    // What is drawn depends on these alone; the words are of the language.
  }, [shown, width, lang, axis, look]);

  function described(all: Plotted[]): Parameters<typeof Draw>[0] {
    const tipText = (one: Plotted) => {
      const takes = one.takesLow !== null && one.takesHigh !== null ? `${written[axis](one.takes)} (${written[axis](one.takesLow)}–${written[axis](one.takesHigh)})` : written[axis](one.takes);
      return `${one.number}. ${one.candidate}\n${t.quality} ${span({ value: one.quality, low: one.qualityLow, high: one.qualityHigh }, lang)}\n${names[axis]} ${takes}`;
    };
    const baseline = decision.baseline ? { quality: decision.baseline.quality, name: t.baseline } : null;
    return { points: all, baseline, width, xName: axis === 'cost' ? t.costAxis : axis === 'latency' ? t.timeAxis : t.memoryAxis, yName: t.qualityBy(decision.metric), xText: written[axis], tipText, colours: coloursOf(place.current), font: getComputedStyle(document.body).fontFamily };
  }
  const picture = async () => {
    const svg = place.current?.querySelector('svg');
    if (!svg) return;
    const { bitmap } = await import('./draw');
    saveBlob(`${decision.task}-${decision.date}.png`, await bitmap(svg, coloursOf(place.current).ground, getComputedStyle(document.body).fontFamily));
  };
  return (
    <section className="block" aria-label={t.plot}>
      <header className="row">
        <h2 className="grow">{t.plot}</h2>
        <div className="segments" role="group" aria-label={t.against}>
          {axes.map((one) => (
            <button key={one} type="button" aria-pressed={one === axis} onClick={() => setAxis(one)}>
              {names[one]}
            </button>
          ))}
        </div>
      </header>
      <figure className="plot" ref={frame}>
        {error !== null && <Failure error={error} />}
        {!drawn && error === null && <Skeleton lines={6} />}
        <div ref={place} className="plot-place" role="img" aria-label={t.plotLabel(points.map((one) => `${one.candidate}: ${score(one.quality, lang)}, ${written[axis](one.takes)}`).join('; '))} />
        <figcaption className="soft small">
          <ol className="legend">
            {points.map((one) => (
              <li key={one.candidate} className={one.chosen ? 'chosen' : undefined}>
                <span className="figures">{one.number}</span> <RouteName candidate={one.candidate} />
              </li>
            ))}
          </ol>
          <p>{t.plotHelp}</p>
          {axis === 'latency' && <p>{t.underLoad(decision.concurrency)}</p>}
        </figcaption>
      </figure>
      <div className="row">
        <Button className="quiet" icon="down" disabled={!drawn} onClick={() => void picture().catch(setError)}>
          {t.download('PNG')}
        </Button>
        <Button className="quiet" icon="down" onClick={() => saveText(`${decision.task}-${decision.date}.csv`, 'text/csv', table(decision, finalists, outputs))}>
          {t.download('CSV')}
        </Button>
      </div>
    </section>
  );
}

/** How wide an element is, as it changes. */
function useWidth(element: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element.current) return;
    const watch = new ResizeObserver(([entry]) => entry && setWidth(Math.round(entry.contentRect.width)));
    watch.observe(element.current);
    return () => watch.disconnect();
  }, [element]);
  return width;
}

/** Changes when light becomes dark, by choice or by the system. */
function useLook(): string {
  const chosen = useStore(theme);
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const tell = () => setDark(system.matches);
    system.addEventListener('change', tell);
    return () => system.removeEventListener('change', tell);
  }, []);
  return `${chosen} ${dark}`;
}

/** The tokens as colours that a picture can hold without a style sheet. */
function coloursOf(element: HTMLElement | null) {
  const probe = document.createElement('i');
  (element ?? document.body).append(probe);
  const of = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = { text: of('text'), soft: of('soft'), line: of('line'), accent: of('accent'), ground: of('raised') };
  probe.remove();
  return colours;
}
