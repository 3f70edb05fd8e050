/*
 * buf.c: the growing byte buffer. What is read moves `head`, what is written moves `tail`; the content is moved to
 * the front only when at least as many bytes are free there as have to be moved, so that consuming byte by byte
 * stays linear. One thread at a time.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

#define BUF_MAX ((size_t)1 << 30)
#define BUF_MIN ((size_t)256)

void buf_free(struct buf *b) {
    free(b->p);
    *b = (struct buf)BUF_INIT;
}

static void buf_grow(struct buf *b, size_t need) {
    size_t cap = b->cap > BUF_MIN ? b->cap : BUF_MIN;
    while (cap < need) cap *= 2;
    size_t len = buf_len(b);
    if (b->head && len) memmove(b->p, b->p + b->head, len);
    char *p =
        realloc(b->p, cap); /* large ones are pages that move without a copy: a new page costs more than to fill it */
    CHECK(p);
    *b = (struct buf){p, 0, (uint32_t)len, (uint32_t)cap};
}

/* Moves the content to the front or grows. */
static void buf_make_room(struct buf *b, size_t more) {
    CHECK(more <= BUF_MAX && buf_len(b) + more <= BUF_MAX);
    size_t len = buf_len(b);
    if (b->p && b->cap - len >= more && b->head >= len) {
        if (len) memcpy(b->p, b->p + b->head, len);
        b->head = 0;
        b->tail = (uint32_t)len;
    } else {
        buf_grow(b, len + more);
    }
}

static inline char *room(struct buf *b, size_t more) {
    if (!b->p || b->cap - b->tail < more) buf_make_room(b, more);
    return b->p + b->tail;
}

char *buf_reserve(struct buf *b, size_t more) {
    return room(b, more);
}

void buf_commit(struct buf *b, size_t n) {
    CHECK(n <= b->cap - b->tail);
    b->tail += (uint32_t)n;
}

void buf_add(struct buf *b, const void *p, size_t len) {
    if (len == 0) return;
    memcpy(room(b, len), p, len);
    b->tail += (uint32_t)len;
}

void buf_add_str(struct buf *b, struct str s) {
    buf_add(b, s.p, s.len);
}

void buf_add_char(struct buf *b, char c) {
    *room(b, 1) = c;
    b->tail++;
}

void buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(len >= 0);
    char *p = buf_reserve(b, (size_t)len + 1); /* one more for the NUL, which is not committed */
    va_start(args, format);
    vsnprintf(p, (size_t)len + 1, format, args);
    va_end(args);
    b->tail += (uint32_t)len;
}

void buf_consume(struct buf *b, size_t n) {
    CHECK(n <= buf_len(b));
    b->head += (uint32_t)n;
    if (b->head == b->tail) b->head = b->tail = 0;
}

void buf_clear(struct buf *b) {
    b->head = b->tail = 0;
}
