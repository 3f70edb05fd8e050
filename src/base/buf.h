/*
 * buf.h: growing bytes with a read end. A pointer and no more while it holds no memory: every connection has some, and most
 * are idle. Invariant: head <= tail <= cap.
 */
#ifndef CONFAB_BASE_BUF_H
#define CONFAB_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf_bytes {
    uint32_t head, tail, cap; /* bytes[head .. tail) is the content */
    char bytes[];
};

struct buf {
    struct buf_bytes *b; /* NULL: no memory */
};

#define BUF_INIT                                                                                                       \
    { NULL }

static inline size_t buf_len(const struct buf *buf) {
    return buf->b ? buf->b->tail - buf->b->head : 0;
}
static inline struct str buf_str(const struct buf *buf) {
    return buf->b ? (struct str){buf->b->bytes + buf->b->head, buf_len(buf)} : STR("");
}

void buf_free(struct buf *buf); /* idempotent; leaves an empty, usable buffer */
/* At least `more` bytes of room behind tail (moves the content to the front or grows); a pointer to it. A buffer is at
 * most 1 GiB. */
char *buf_reserve(struct buf *buf, size_t more);
/* After writing n bytes to what buf_reserve gave. */
void buf_commit(struct buf *buf, size_t n);
void buf_add(struct buf *buf, const void *p, size_t len);
void buf_add_str(struct buf *buf, struct str s);
#define BUF_ADD_LIT(buf, literal) buf_add((buf), "" literal "", sizeof(literal) - 1)
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What it holds, full or not. */
static inline size_t buf_cap(const struct buf *buf) {
    return buf->b ? buf->b->cap : 0;
}
/* Keeps the first `len` bytes of at least as many. */
void buf_cut(struct buf *buf, size_t len);
/* Drops n bytes from the front. */
void buf_consume(struct buf *buf, size_t n);
/* Empties, keeps the memory. */
void buf_clear(struct buf *buf);

#endif
