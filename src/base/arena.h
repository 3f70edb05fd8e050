/*
 * arena.h: bump allocator. What a turn makes lives in the turn's arena and is gone when the turn ends.
 * Out of memory aborts; real protection is a limit on everything that a peer can make us hold.
 */
#ifndef CONFAB_BASE_ARENA_H
#define CONFAB_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena **arena);
/* Forgets everything; keeps one block for the next turn, so that a busy thread does not allocate. */
void arena_reset(struct arena *arena);
/* A place to go back to: everything allocated after arena_mark is forgotten by arena_release. */
struct arena_mark {
    void *block;
    size_t used;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_release(struct arena *arena, struct arena_mark mark);

/* Aligned to 16, not zeroed. len may be 0. */
void *arena_alloc(struct arena *arena, size_t len);
/* Zeroed. */
void *arena_zalloc(struct arena *arena, size_t len);
#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))

/* Copies; always NUL-terminated behind its len. */
struct str arena_dup(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Pieces in one string: arena_concat(a, n, (struct str[]){...}). */
struct str arena_concat(struct arena *arena, size_t n, const struct str *pieces);
#define ARENA_CONCAT(arena, ...)                                                                                       \
    arena_concat((arena), sizeof((struct str[]){__VA_ARGS__}) / sizeof(struct str), (const struct str[]){__VA_ARGS__})

/* Bytes handed out since the last reset, for limits and statistics. */
size_t arena_used(const struct arena *arena);

#endif
