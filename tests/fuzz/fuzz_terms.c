/*
 * fuzz_terms.c: whatever is written, its terms are text that the index may join with others (no ASCII but a-z and 0-9, none empty, none too long), and it
 * finds itself, whole and by the beginning of its first term.
 */
#include "fuzz.h"

#include "base/codec.h"
#include "xmpp/terms.h"

static void check(struct arena *arena, struct str text) {
    struct terms t = terms_read(arena, text);
    MUST(t.count <= TERMS_MAX);
    for (uint32_t i = 0; i < t.count; i++) {
        struct str term = t.list[i];
        MUST(term.len > 0 && term.len <= TERM_BYTES_MAX && utf8_valid(term));
        for (size_t k = 0; k < term.len; k++) {
            unsigned char c = (unsigned char)term.p[k];
            MUST(c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'));
        }
    }
    MUST(terms_match(&t, &t));
    if (t.count == 0) return;
    struct str begins = str_first(t.list[0], 1);
    MUST(terms_match(&t, &(struct terms){&begins, 1}));
}

/* Random bytes are seldom UTF-8: so a second way to take them, three for a character. */
static struct str characters_of(struct arena *arena, struct str bytes) {
    char *p = arena_alloc(arena, bytes.len * 2 + 4), *at = p;
    for (size_t i = 0; i + 2 < bytes.len; i += 3) {
        const unsigned char *b = (const unsigned char *)bytes.p + i;
        uint32_t c = ((uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2]) % 0x110000;
        if (c < 0xd800 || c > 0xdfff) at += utf8_put(at, c);
    }
    return str_of(p, (size_t)(at - p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct arena *arena = arena_new();
    struct str text = str_first(str_of(data, len), 16384);
    check(arena, text);
    check(arena, characters_of(arena, text));
    arena_free(&arena);
    return 0;
}
