/* list.h: intrusive doubly linked ring. The head is a link of its own; an unlinked link points to itself. */
#ifndef CONFAB_BASE_LIST_H
#define CONFAB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *prev;
};

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct link *l) {
    l->next = l->prev = l;
}

static inline bool list_empty(const struct link *head) {
    return head->next == head;
}

/* At the end of the ring that `head` heads. */
static inline void list_append(struct link *head, struct link *l) {
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void list_prepend(struct link *head, struct link *l) {
    list_append(head->next, l);
}

/* All that the ring of `from` holds, at the end of the ring that `head` heads; `from` is empty then. */
static inline void list_append_all(struct link *head, struct link *from) {
    if (list_empty(from)) return;
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    list_init(from);
}

static inline void list_prepend_all(struct link *head, struct link *from) {
    list_append_all(head->next, from);
}

/* Harmless on an unlinked link. */
static inline void list_remove(struct link *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

static inline struct link *list_pop(struct link *head) {
    if (list_empty(head)) return NULL;
    struct link *l = head->next;
    list_remove(l);
    return l;
}

/* `at` may be removed inside the body. */
#define LIST_EACH(head, at, after)                                                                                     \
    for (struct link *at = (head)->next, *after = at->next; at != (head); at = after, after = at->next)

#endif
