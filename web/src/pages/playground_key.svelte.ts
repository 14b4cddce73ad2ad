// The client key that the playground sends with: in memory only, from visit to visit of the page.
export const kept = $state({ key: '' });
