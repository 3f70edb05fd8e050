/*
 * buf.h: growing bytes with a read end. Invariants: head <= tail <= cap; p is NULL exactly when cap is 0;
 * an empty buffer that was released holds no memory, so that an idle connection costs none.
 */
#ifndef CONFAB_BASE_BUF_H
#define CONFAB_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *p;
    uint32_t head, tail, cap;
};

#define BUF_INIT                                                                                                       \
    { NULL, 0, 0, 0 }

static inline size_t buf_len(const struct buf *b) {
    return b->tail - b->head;
}
static inline struct str buf_str(const struct buf *b) {
    return (struct str){b->p ? b->p + b->head : "", buf_len(b)};
}

void buf_free(struct buf *b); /* idempotent; leaves an empty, usable buffer */
/* At least `more` bytes of room behind tail (moves the content to the front or grows); a pointer to it. A buffer is at
 * most 1 GiB. */
char *buf_reserve(struct buf *b, size_t more);
/* After writing n bytes to what buf_reserve gave. */
void buf_commit(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t len);
void buf_add_str(struct buf *b, struct str s);
#define BUF_ADD_LIT(b, literal) buf_add((b), "" literal "", sizeof(literal) - 1)
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops n bytes from the front. */
void buf_consume(struct buf *b, size_t n);
/* Empties, keeps the memory. */
void buf_clear(struct buf *b);

#endif
