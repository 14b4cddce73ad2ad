// Draws lines or stacked bars over time into a canvas: axes, grid, and the line under the pointer. Knows no framework;
// colours and formats come from outside. What it looks at twice is in scale.ts.
import { timeTicks, valueTicks } from './scale';

export interface PlotStyle {
  text: string;
  grid: string;
  cursor: string;
  font: string;
  series: string[];
}

export interface PlotData {
  at: number[]; // seconds since 1970, rising
  series: (number | null)[][];
  dashes: number[][];
  bars: boolean; // each stacked upon the ones after it: drawn in order, the first behind the others
  step: number; // seconds that a bar stands for
}

const LEFT = 58;
const BOTTOM = 20;
const TOP = 8;
const RIGHT = 6;

export class Plot {
  #canvas: HTMLCanvasElement;
  #format: (value: number) => string;
  #data: PlotData = { at: [], series: [], dashes: [], bars: false, step: 0 };
  #style: PlotStyle;
  #under: number | null = null;
  #frame = 0;

  constructor(canvas: HTMLCanvasElement, style: PlotStyle, format: (value: number) => string) {
    this.#canvas = canvas;
    this.#style = style;
    this.#format = format;
  }
  set(data: PlotData): void {
    this.#data = data;
    this.redraw();
  }
  /** At most once a frame, however much has changed. */
  redraw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }
  destroy(): void {
    cancelAnimationFrame(this.#frame);
  }

  /** The index that is nearest to `x` pixels from the canvas's left edge; none: outside. */
  point(x: number | null): number | null {
    const { at } = this.#data;
    let found: number | null = null;
    if (x !== null && at.length > 0 && x >= LEFT - 4) {
      const [first, last] = this.#span();
      const asked = first + ((x - LEFT) / Math.max(1, this.#canvas.clientWidth - LEFT - RIGHT)) * (last - first) - this.#data.step / 2;
      found = at.reduce((best, value, index) => (Math.abs(value - asked) < Math.abs((at[best] ?? 0) - asked) ? index : best), 0);
    }
    if (found !== this.#under) {
      this.#under = found;
      this.redraw();
    }
    return found;
  }

  #span(): [number, number] {
    const { at, step } = this.#data;
    const first = at[0] ?? 0;
    return [first, Math.max(first + 1, (at.at(-1) ?? 0) + step)];
  }

  #draw(): void {
    const ratio = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (width === 0) return;
    if (this.#canvas.width !== Math.round(width * ratio)) this.#canvas.width = Math.round(width * ratio);
    if (this.#canvas.height !== Math.round(height * ratio)) this.#canvas.height = Math.round(height * ratio);
    const pen = this.#canvas.getContext('2d');
    if (!pen) return;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const most = this.#data.series.reduce((all, list) => list.reduce<number>((top, value) => Math.max(top, value ?? 0), all), 0);
    const [first, last] = this.#span();
    const x = (at: number) => LEFT + ((at - first) / (last - first)) * (width - LEFT - RIGHT);
    const top = most > 0 ? most * 1.08 : 1;
    const y = (value: number) => height - BOTTOM - (value / top) * (height - BOTTOM - TOP);
    this.#axes(pen, width, height, x, y, top);
    if (this.#data.bars) this.#bars(pen, x, y);
    else this.#lines(pen, x, y);
    this.#cursor(pen, height, x, y);
  }

  #axes(pen: CanvasRenderingContext2D, width: number, height: number, x: (at: number) => number, y: (value: number) => number, top: number): void {
    pen.font = this.#style.font;
    pen.fillStyle = this.#style.text;
    pen.strokeStyle = this.#style.grid;
    pen.lineWidth = 1;
    pen.setLineDash([]);
    pen.beginPath();
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    for (const value of valueTicks(top, Math.max(2, Math.floor((height - BOTTOM) / 38)))) {
      const line = Math.round(y(value)) + 0.5;
      pen.moveTo(LEFT, line);
      pen.lineTo(width - RIGHT, line);
      pen.fillText(this.#format(value), LEFT - 8, line);
    }
    pen.stroke();
    if (this.#data.at.length < 2) return;
    pen.textAlign = 'center';
    pen.textBaseline = 'alphabetic';
    const [first, last] = this.#span();
    for (const { at, text } of timeTicks(first, last, Math.max(2, Math.floor((width - LEFT) / 90)))) {
      const middle = x(at);
      const half = pen.measureText(text).width / 2;
      if (middle - half >= 0 && middle + half <= width) pen.fillText(text, middle, height - 5);
    }
  }

  #lines(pen: CanvasRenderingContext2D, x: (at: number) => number, y: (value: number) => number): void {
    pen.lineWidth = 1.5;
    pen.lineJoin = 'round';
    for (const [index, list] of this.#data.series.entries()) {
      pen.strokeStyle = this.#style.series[index] ?? this.#style.text;
      pen.setLineDash(this.#data.dashes[index] ?? []);
      pen.beginPath();
      let begun = false;
      list.forEach((value, at) => {
        if (value === null) return; // a gap is crossed
        const [left, up] = [x(this.#data.at[at] ?? 0), y(value)];
        if (begun) pen.lineTo(left, up);
        else pen.moveTo(left, up);
        begun = true;
      });
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  #bars(pen: CanvasRenderingContext2D, x: (at: number) => number, y: (value: number) => number): void {
    const { at, series, step } = this.#data;
    const base = y(0);
    for (const [index, list] of series.entries()) {
      pen.fillStyle = this.#style.series[index] ?? this.#style.text;
      list.forEach((value, place) => {
        if (!value) return;
        const left = x(at[place] ?? 0);
        const wide = Math.max(1, Math.min(60, (x((at[place] ?? 0) + step) - left) * 0.78));
        pen.fillRect(left + (x((at[place] ?? 0) + step) - left - wide) / 2, y(value), wide, base - y(value));
      });
    }
  }

  #cursor(pen: CanvasRenderingContext2D, height: number, x: (at: number) => number, y: (value: number) => number): void {
    if (this.#under === null) return;
    const { at, series, bars, step } = this.#data;
    const middle = x((at[this.#under] ?? 0) + (bars ? step / 2 : 0));
    pen.strokeStyle = this.#style.cursor;
    pen.beginPath();
    pen.moveTo(middle, TOP);
    pen.lineTo(middle, height - BOTTOM);
    pen.stroke();
    if (bars) return;
    for (const [index, list] of series.entries()) {
      const value = list[this.#under];
      if (value == null) continue;
      pen.fillStyle = this.#style.series[index] ?? this.#style.text;
      pen.beginPath();
      pen.arc(middle, y(value), 3, 0, 7);
      pen.fill();
    }
  }
}
