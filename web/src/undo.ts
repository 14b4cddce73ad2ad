// The way back from a change: the configuration as it was before the change's revision.
import { api } from './api';
import { catalog } from './catalog.svelte';
import { plural } from './format';
import { live } from './live.svelte';
import { notices } from './notices.svelte';

/** Says that `revision` was made, with an undo for who may. Later changes are not undone without a question. */
export function doneWithUndo(text: string, revision: number): void {
  void catalog.reload();
  notices.done(text, async () => {
    const later = live.revision - revision;
    if (later > 0) {
      const yes = await notices.ask({
        title: 'Undo later changes, too?',
        text: `${plural(later, 'change')} came after this one. Going back to revision ${revision - 1} undoes them as well.`,
        does: `Restore revision ${revision - 1}`,
        danger: true,
      });
      if (!yes) return;
    }
    const restored = await api.restore(revision - 1, false);
    await catalog.reload();
    const missing = restored.value.keys_missing;
    notices.done(missing.length === 0 ? 'Undone.' : `Undone, but for what nobody keeps: give the key of ${missing.join(', ')} again.`);
  });
}
