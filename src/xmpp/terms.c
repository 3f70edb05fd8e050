/*
 * terms.c: words for searching. What is typed must find what was written, by whichever keyboard: so compatibility forms, case and accents go.
 * Most texts are ASCII and go the short way. What must hold: a term that is cut or folded in the message is cut and folded in the question
 * alike, and no term holds a byte of ASCII but a-z and 0-9 (the index joins them with others, store/search_index.c).
 */
#include "xmpp/terms.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/check.h"
#include "base/codec.h"

enum kind { NOTHING, WORD, RUN /* of a script without spaces */, ALONE, MARK /* changes nothing about its word */ };

struct reading {
    struct arena *arena;
    struct terms *out;
    uint32_t cap;
    char word[TERM_BYTES_MAX]; /* that is being read */
    size_t len;
    uint32_t before; /* the character of a run that has no pair yet; 0: none */
};

static void term_add(struct reading *r, const char *p, size_t len) {
    struct terms *out = r->out;
    if (len == 0 || out->count == TERMS_MAX) return;
    if (out->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 16;
        struct str *more = arena_alloc(r->arena, r->cap * sizeof *more);
        if (out->count) memcpy(more, out->list, out->count * sizeof *more);
        out->list = more;
    }
    out->list[out->count++] = arena_dup(r->arena, str_of(p, len));
}

static void word_end(struct reading *r) {
    term_add(r, r->word, r->len);
    r->len = 0;
}

static void run_end(struct reading *r) {
    char p[4];
    if (r->before) term_add(r, p, utf8_put(p, r->before));
    r->before = 0;
}

static void word_put(struct reading *r, uint32_t c) {
    char p[4];
    size_t n = utf8_put(p, c);
    if (r->len + n > sizeof r->word) return;
    memcpy(r->word + r->len, p, n);
    r->len += n;
}

static void run_put(struct reading *r, uint32_t c) {
    char p[8];
    if (r->before) {
        size_t n = utf8_put(p, r->before);
        term_add(r, p, n + utf8_put(p + n, c));
    }
    r->before = c;
}

/* Han, kana, Thai, Lao, Myanmar, Khmer. */
static bool has_no_spaces(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x0e00, 0x0eff}, {0x1000, 0x109f}, {0x1780, 0x17ff},  {0x3005, 0x3007},
                  {0x3040, 0x30ff}, {0x31f0, 0x31ff}, {0x3400, 0x4dbf},  {0x4e00, 0x9fff},
                  {0xf900, 0xfaff}, {0xff66, 0xff9f}, {0x20000, 0x3ffff}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    return false;
}

static enum kind kind_of(uint32_t c) {
    if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? WORD : NOTHING;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M)) return MARK;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N))
        return has_no_spaces(c) ? RUN : WORD;
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_So) ? ALONE : NOTHING;
}

static void rune_put(struct reading *r, uint32_t c) {
    enum kind kind = kind_of(c);
    if (kind == MARK) return;
    if (kind != WORD) word_end(r);
    if (kind != RUN) run_end(r);
    if (kind == WORD) word_put(r, c);
    if (kind == RUN) run_put(r, c);
    if (kind == ALONE) {
        char p[4];
        term_add(r, p, utf8_put(p, c));
    }
}

static bool is_ascii(struct str text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.p[i] >= 0x80) return false;
    return true;
}

/* Folded as caseless matching of compatibility forms asks for (Unicode D146), without the last composing. */
static void folded_read(struct reading *r, struct str text) {
    size_t len = 0;
    uint8_t *p = u8_casefold((const uint8_t *)text.p, text.len, NULL, UNINORM_NFKD, NULL, &len);
    if (!p) return; /* not UTF-8: the archive holds none */
    struct str left = str_of(p, len);
    while (left.len) {
        uint32_t c;
        size_t n = utf8_next(left, &c);
        if (n == 0) break;
        rune_put(r, c);
        left = str_from(left, n);
    }
    free(p);
}

static void ascii_read(struct reading *r, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + ('a' - 'A'));
        rune_put(r, (uint32_t)c);
    }
}

struct terms terms_read(struct arena *arena, struct str text) {
    struct terms out = {NULL, 0};
    struct reading r = {.arena = arena, .out = &out};
    (is_ascii(text) ? ascii_read : folded_read)(&r, text);
    word_end(&r);
    run_end(&r);
    return out;
}

bool terms_match(const struct terms *text, const struct terms *wanted) {
    for (uint32_t w = 0; w < wanted->count; w++) {
        uint32_t i = 0;
        while (i < text->count && !str_starts(text->list[i], wanted->list[w])) i++;
        if (i == text->count) return false;
    }
    return true;
}
