// Which requests a filter shows. Pure; the server says the same of those in the ledger.
import type { Exchange } from '../types';

export interface Filter {
  model: string;
  backend: string;
  key: string;
  pool: string;
  errors: string;
  status: string;
}

export function fits(row: Exchange, filter: Filter): boolean {
  return (
    (!filter.model || row.model === filter.model) &&
    (!filter.backend || row.backend === filter.backend) &&
    (!filter.key || row.client_key === filter.key) &&
    (!filter.pool || row.pool === filter.pool) &&
    (filter.errors !== '1' || row.error !== null) &&
    (!filter.status || String(row.status) === filter.status)
  );
}
