/*
 * arena.c: a chain of blocks, newest first, and a bump pointer in the newest. Blocks never move and are strictly
 * ordered by age, so a mark is one block and an offset, and releasing is dropping whatever is newer. The oldest
 * block stays over a reset unless it was made for one huge piece.
 *
 * An arena belongs to one thread at a time. Under AddressSanitizer, bytes that are not handed out are poisoned, so
 * that a pointer kept beyond its turn is caught although the memory itself is still ours.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, len) ASAN_POISON_MEMORY_REGION((p), (len))
#define UNPOISON(p, len) ASAN_UNPOISON_MEMORY_REGION((p), (len))
#else
#define POISON(p, len) ((void)(p), (void)(len))
#define UNPOISON(p, len) ((void)(p), (void)(len))
#endif

#define ALIGN ((size_t)16)
#define BLOCK_LEN ((size_t)32 * 1024)

struct block {
    struct block *older;
    size_t cap, used;
    alignas(16) char bytes[];
};

struct arena {
    struct block *newest;
    size_t used; /* over all blocks */
};

struct arena *arena_new(void) {
    struct arena *arena = calloc(1, sizeof *arena);
    CHECK(arena);
    return arena;
}

static void block_drop_newest(struct arena *arena) {
    struct block *b = arena->newest;
    arena->newest = b->older;
    arena->used -= b->used;
    UNPOISON(b->bytes, b->cap);
    free(b);
}

void arena_free(struct arena **arena) {
    if (!*arena) return;
    while ((*arena)->newest) block_drop_newest(*arena);
    free(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena) {
    while (arena->newest && (arena->newest->older || arena->newest->cap > BLOCK_LEN)) block_drop_newest(arena);
    if (arena->newest) {
        arena->newest->used = 0;
        POISON(arena->newest->bytes, arena->newest->cap);
    }
    arena->used = 0;
}

struct arena_mark arena_mark(const struct arena *arena) {
    return (struct arena_mark){arena->newest, arena->newest ? arena->newest->used : 0};
}

void arena_release(struct arena *arena, struct arena_mark mark) {
    if (!mark.block) { /* taken when there was no block yet */
        arena_reset(arena);
        return;
    }
    while (arena->newest != mark.block) {
        CHECK(arena->newest); /* else the mark is older than a reset */
        block_drop_newest(arena);
    }
    struct block *b = arena->newest;
    CHECK(mark.used <= b->used);
    arena->used -= b->used - mark.used;
    b->used = mark.used;
    POISON(b->bytes + b->used, b->cap - b->used);
}

static struct block *block_add(struct arena *arena, size_t len) {
    size_t cap = len > BLOCK_LEN ? len : BLOCK_LEN;
    struct block *b = malloc(sizeof *b + cap);
    CHECK(b);
    *b = (struct block){.older = arena->newest, .cap = cap};
    POISON(b->bytes, cap);
    arena->newest = b;
    return b;
}

void *arena_alloc(struct arena *arena, size_t len) {
    CHECK(len <= SIZE_MAX / 2);
    size_t room = (len + ALIGN - 1) & ~(ALIGN - 1);
    struct block *b = arena->newest;
    if (!b || b->cap - b->used < room) b = block_add(arena, room);
    char *p = b->bytes + b->used;
    b->used += room;
    arena->used += room;
    UNPOISON(p, len);
    return p;
}

void *arena_zalloc(struct arena *arena, size_t len) {
    return memset(arena_alloc(arena, len), 0, len);
}

struct str arena_dup(struct arena *arena, struct str s) {
    char *p = arena_alloc(arena, s.len + 1);
    if (s.len) memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return (struct str){p, s.len};
}

struct str arena_vprintf(struct arena *arena, const char *format, va_list args) {
    char small[128]; /* most is: formatted once */
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(small, sizeof small, format, args);
    CHECK(len >= 0);
    size_t size = (size_t)len + 1;
    char *p = arena_alloc(arena, size);
    if (size <= sizeof small)
        memcpy(p, small, size);
    else
        vsnprintf(p, size, format, again);
    va_end(again);
    return (struct str){p, (size_t)len};
}

struct str arena_printf(struct arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct str s = arena_vprintf(arena, format, args);
    va_end(args);
    return s;
}

struct str arena_concat(struct arena *arena, size_t n, const struct str *pieces) {
    size_t len = 0;
    for (size_t i = 0; i < n; i++) len += pieces[i].len;
    char *p = arena_alloc(arena, len + 1), *at = p;
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].len) memcpy(at, pieces[i].p, pieces[i].len);
        at += pieces[i].len;
    }
    *at = '\0';
    return (struct str){p, len};
}

size_t arena_used(const struct arena *arena) {
    return arena->used;
}
