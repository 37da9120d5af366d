/** One place in a {@link LinkedList}; belongs to at most one list at a time. */
export interface Link<T> {
  readonly value: T;
  previous: Link<T> | undefined;
  next: Link<T> | undefined;
}

/**
 * A first-in-first-out list from which any member can be taken out in O(1). Arrays shift in O(n), and a `Set` used as a
 * queue walks over the holes that deletions leave at its front: both turn 200,000 keys into seconds.
 */
export class LinkedList<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;

  get first(): Link<T> | undefined {
    return this.#first;
  }

  append(value: T): Link<T> {
    const link: Link<T> = { value, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    return link;
  }

  /** Takes out a link of this list. The caller answers for it being in this list, and for not removing it twice. */
  remove(link: Link<T>): void {
    if (link.previous === undefined) this.#first = link.next;
    else link.previous.next = link.next;
    if (link.next === undefined) this.#last = link.previous;
    else link.next.previous = link.previous;
    link.previous = undefined;
    link.next = undefined;
  }

  /** Takes out the first value; `undefined` when the list is empty. */
  takeFirst(): T | undefined {
    const first = this.#first;
    if (first !== undefined) this.remove(first);
    return first?.value;
  }

  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
  }
}
