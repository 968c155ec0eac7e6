import { dot, gridX, gridY, line, plot, pointer, ruleX, ruleY, text, tip } from '@observablehq/plot';
import { paretoLine } from './pareto';
import type { Plotted } from './points';

export interface Drawing {
  points: Plotted[];
  /** What one answer for every row comes to, and what the line at it is called. */
  baseline: { quality: number; name: string } | null;
  width: number;
  xName: string;
  yName: string;
  /** How a value on the lower axis is written. */
  xText: (value: number) => string;
  /** What is said of a point that is pointed at. */
  tipText: (point: Plotted) => string;
  colours: { text: string; soft: string; line: string; accent: string; ground: string };
  font: string;
}

/** The plot of quality against what an answer takes, as a picture that needs no style sheet. */
export function draw({ points, baseline, width, xName, yName, xText, tipText, colours, font }: Drawing): SVGSVGElement {
  const [low, high] = range(points.flatMap((one) => [one.takes, one.takesLow ?? one.takes, one.takesHigh ?? one.takes]));
  const log = low > 0;
  const floor = baseline ? [baseline] : [];
  const lows = [...points.map((one) => one.qualityLow ?? one.quality), ...floor.map((one) => one.quality)];
  const highs = [...points.map((one) => one.qualityHigh ?? one.quality), ...floor.map((one) => one.quality)];
  const pareto = paretoLine(points);
  const sure = points.filter((one) => one.qualityLow !== null && one.qualityHigh !== null);
  const timed = points.filter((one) => one.takesLow !== null && one.takesHigh !== null);
  const colour = (one: Plotted) => (one.chosen ? colours.accent : colours.text);
  const ticks = Math.max(2, Math.min(5, Math.floor(width / 130)));
  const made = plot({
    width,
    height: Math.round(Math.min(420, Math.max(280, width * 0.45))),
    marginLeft: 52,
    marginRight: 28,
    marginTop: 32,
    marginBottom: 44,
    style: { color: colours.text, background: 'transparent', fontFamily: font, fontSize: '12px', overflow: 'visible' },
    x: { type: log ? 'log' : 'linear', domain: log ? [low / 1.4, high * 1.4] : [0, Math.max(high * 1.15, 1)], label: xName, labelAnchor: 'center', labelArrow: 'none', tickFormat: xText, ticks },
    y: { domain: [Math.max(0, Math.min(...lows) - 0.03), Math.min(1, Math.max(...highs) + 0.03)], label: yName, labelArrow: 'none', tickFormat: '.2f', ticks: 6 },
    marks: [
      gridX({ stroke: colours.line, strokeOpacity: 1, ticks }),
      gridY({ stroke: colours.line, strokeOpacity: 1, ticks: 6 }),
      ruleY(floor, { y: 'quality', stroke: colours.soft, strokeWidth: 1, strokeDasharray: '2,5' }),
      text(floor, { y: 'quality', text: 'name', frameAnchor: 'right', textAnchor: 'end', dy: -8, fill: colours.soft, stroke: colours.ground, strokeWidth: 4 }),
      line(pareto, { x: 'takes', y: 'quality', stroke: colours.accent, strokeWidth: 1.5, strokeDasharray: '4,4', curve: 'step-after' }),
      ruleX(sure, { x: 'takes', y1: 'qualityLow', y2: 'qualityHigh', stroke: colour, strokeWidth: 1.5, strokeOpacity: 0.65, marker: 'tick' }),
      ruleY(timed, { y: 'quality', x1: 'takesLow', x2: 'takesHigh', stroke: colour, strokeWidth: 1.5, strokeOpacity: 0.65, marker: 'tick' }),
      dot(points.filter((one) => one.chosen), { x: 'takes', y: 'quality', r: 9, stroke: colours.accent, strokeWidth: 1.5 }),
      dot(points, { x: 'takes', y: 'quality', r: 5, fill: colour, stroke: colours.ground, strokeWidth: 1.5, symbol: (one: Plotted) => (one.chosen ? 'circle' : 'diamond') }),
      text(points, { x: 'takes', y: 'quality', text: (one: Plotted) => String(one.number), dx: 14, dy: -12, fill: colour, fontWeight: 600, stroke: colours.ground, strokeWidth: 4 }),
      tip(points, pointer({ x: 'takes', y: 'quality', title: tipText, fill: colours.ground, stroke: colours.line, lineWidth: 40, fontSize: 12, lineHeight: 1.6, anchor: 'bottom', textPadding: 10 })),
    ],
  }) as unknown as SVGSVGElement;
  // The page's policy refuses styles in line; what they say stands in compare.css.
  made.querySelectorAll('style').forEach((style) => style.remove());
  return made;
}

function range(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** The same as a bitmap of twice its size, on its ground. */
export async function bitmap(svg: SVGSVGElement, ground: string, font: string): Promise<Blob> {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [width, height] = [svg.width.baseVal.value, svg.height.baseVal.value];
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('font-family', font);
  const source = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width * 2, height * 2];
    const context = canvas.getContext('2d');
    if (!context) throw new Error('no canvas');
    context.fillStyle = ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => canvas.toBlob((made) => (made ? resolve(made) : reject(new Error('no picture'))), 'image/png'));
  } finally {
    URL.revokeObjectURL(source);
  }
}
