// A typed emitter, the smallest that does. Handlers run in the order they were added.

type Handler<T> = (value: T) => void;

export class Emitter<Events> {
  private handlers: { [K in keyof Events]?: Set<Handler<Events[K]>> } = {};

  on<K extends keyof Events>(type: K, handler: Handler<Events[K]>): () => void {
    const set = this.handlers[type] ?? new Set();
    this.handlers[type] = set;
    set.add(handler);
    return () => set.delete(handler);
  }

  emit<K extends keyof Events>(type: K, value: Events[K]): void {
    // A copy: a handler may take itself away.
    for (const handler of [...(this.handlers[type] ?? [])]) handler(value);
  }
}
