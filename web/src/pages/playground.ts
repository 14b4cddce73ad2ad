// What the playground sends and how it reads what comes back, in both dialects. Pure.

export type Dialect = 'openai' | 'anthropic';
export const DIALECTS: Record<Dialect, string> = { openai: '/v1/chat/completions', anthropic: '/v1/messages' };

export function requestOf(dialect: Dialect, asked: { model: string; system: string; prompt: string; most: number; stream: boolean }): object {
  const { model, system, prompt, most, stream } = asked;
  const user = { role: 'user', content: prompt };
  if (dialect === 'anthropic') return { model, max_tokens: most, stream, ...(system ? { system } : {}), messages: [user] };
  return { model, max_tokens: most, stream, messages: system ? [{ role: 'system', content: system }, user] : [user] };
}

interface Piece {
  choices?: { delta?: { content?: string | null }; message?: { content?: string | null } }[];
  content?: { text?: string }[];
  delta?: { text?: string };
  error?: { message?: string };
}

/** The text of a whole answer, or of one event of a stream; what is no JSON says nothing. */
export function textOf(json: string): string {
  let piece: Piece;
  try {
    piece = JSON.parse(json) as Piece;
  } catch {
    return '';
  }
  const choice = piece.choices?.[0];
  return choice?.delta?.content ?? choice?.message?.content ?? piece.delta?.text ?? piece.content?.map((part) => part.text ?? '').join('') ?? '';
}

/** An error that is told within an answer; empty: there is none. */
export function errorOf(json: string): string {
  try {
    return (JSON.parse(json) as Piece).error?.message ?? '';
  } catch {
    return '';
  }
}

/** Splits server-sent events off the front of `text`; the rest is the beginning of the next one. */
export function takeEvents(text: string): { data: string[]; rest: string } {
  const blocks = text.split(/\r?\n\r?\n/);
  const rest = blocks.pop() ?? '';
  const data = blocks.map((block) => block.split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart()).join('\n'));
  return { data: data.filter(Boolean), rest };
}
