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
#define BUF_MIN ((size_t)256) /* with its head: what is asked of malloc is a power of two */

void buf_free(struct buf *buf) {
    free(buf->b);
    buf->b = NULL;
}

static struct buf_bytes *bytes_grow(struct buf_bytes *b, size_t need) {
    size_t len = b ? b->tail - b->head : 0, size = b ? b->cap + sizeof *b : BUF_MIN;
    while (size < need + sizeof *b) size *= 2;
    if (b && b->head && len) memmove(b->bytes, b->bytes + b->head, len);
    b = realloc(b, size); /* large ones are pages that move without a copy: a new page costs more than to fill it */
    CHECK(b);
    b->head = 0;
    b->tail = (uint32_t)len;
    b->cap = (uint32_t)(size - sizeof *b);
    return b;
}

/* Moves the content to the front or grows. */
static struct buf_bytes *bytes_make_room(struct buf_bytes *b, size_t more) {
    size_t len = b ? b->tail - b->head : 0;
    CHECK(more <= BUF_MAX && len + more <= BUF_MAX);
    if (!b || b->cap - len < more || b->head < len) return bytes_grow(b, len + more);
    if (len) memcpy(b->bytes, b->bytes + b->head, len);
    b->head = 0;
    b->tail = (uint32_t)len;
    return b;
}

static inline char *room(struct buf *buf, size_t more) {
    if (!buf->b || buf->b->cap - buf->b->tail < more) buf->b = bytes_make_room(buf->b, more);
    return buf->b->bytes + buf->b->tail;
}

char *buf_reserve(struct buf *buf, size_t more) {
    return room(buf, more);
}

void buf_commit(struct buf *buf, size_t n) {
    if (n == 0) return;
    CHECK(n <= buf->b->cap - buf->b->tail);
    buf->b->tail += (uint32_t)n;
}

void buf_add(struct buf *buf, const void *p, size_t len) {
    if (len == 0) return;
    memcpy(room(buf, len), p, len);
    buf->b->tail += (uint32_t)len;
}

void buf_add_str(struct buf *buf, struct str s) {
    buf_add(buf, s.p, s.len);
}

void buf_add_char(struct buf *buf, char c) {
    *room(buf, 1) = c;
    buf->b->tail++;
}

/* Into the room that there is; only what does not fit is formatted again. */
void buf_printf(struct buf *buf, const char *format, ...) {
    size_t have = buf->b ? buf->b->cap - buf->b->tail : 0;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(have ? buf->b->bytes + buf->b->tail : NULL, have, format, args);
    va_end(args);
    CHECK(len >= 0);
    if ((size_t)len >= have) {
        char *p = buf_reserve(buf, (size_t)len + 1); /* one more for the NUL, which is not committed */
        va_start(args, format);
        vsnprintf(p, (size_t)len + 1, format, args);
        va_end(args);
    }
    buf->b->tail += (uint32_t)len;
}

void buf_cut(struct buf *buf, size_t len) {
    CHECK(len <= buf_len(buf));
    if (buf->b) buf->b->tail = buf->b->head + (uint32_t)len;
}

void buf_consume(struct buf *buf, size_t n) {
    CHECK(n <= buf_len(buf));
    if (!buf->b) return;
    buf->b->head += (uint32_t)n;
    if (buf->b->head == buf->b->tail) buf_clear(buf);
}

void buf_clear(struct buf *buf) {
    if (buf->b) buf->b->head = buf->b->tail = 0;
}
