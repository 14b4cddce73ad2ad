// What a table does with its rows. Pure.

export interface Column<Row> {
  id: string;
  title: string;
  numeric?: boolean;
  class?: string;
  by?: (row: Row) => number | string | null; // what it sorts by
}

const words = new Intl.Collator(undefined, { numeric: true });

/** `order`: the id of a column; with "-" before it the largest first. Rows without a value come last. */
export function sorted<Row>(rows: Row[], columns: Column<Row>[], order: string): Row[] {
  const down = order.startsWith('-');
  const by = columns.find((column) => column.id === order.replace(/^-/, ''))?.by;
  if (!by) return rows;
  const sign = down ? -1 : 1;
  const keyed = rows.map((row) => ({ row, value: by(row) }));
  keyed.sort(({ value: one }, { value: other }) => {
    if (one === null || other === null) return one === other ? 0 : one === null ? 1 : -1;
    return sign * (typeof one === 'number' && typeof other === 'number' ? one - other : words.compare(String(one), String(other)));
  });
  return keyed.map(({ row }) => row);
}

const AHEAD = 6;

/** The rows to render of `count`, when `top` pixels are scrolled away and `height` are seen. Even, so that stripes stay. */
export function slice(count: number, top: number, height: number, row: number): { from: number; to: number } {
  const from = Math.max(0, Math.floor(top / row) - AHEAD);
  return { from: Math.min(from, Math.max(0, count - 1)), to: Math.min(count, Math.ceil((top + height) / row) + AHEAD) };
}
