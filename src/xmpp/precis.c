/*
 * precis.c: the classes of RFC 8264 derived from Unicode properties, the rules for characters that depend on their
 * context (RFC 5892, appendix A), the bidi rule, and the profiles built of them.
 *
 * Properties come from libunistring, so new versions of Unicode come with the distribution: a name that is unassigned
 * today may become valid, never the other way round. What must hold: applying a profile to its own result
 * changes nothing, else two spellings of an address would be two accounts. Pure; any thread.
 */
#include "xmpp/precis.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"

/* --- code points --- */

int runes_read(struct arena *arena, struct str in, size_t max, struct runes *out) {
    if (in.len > max) return ERR_INVALID;
    struct runes r = {arena_alloc(arena, in.len * sizeof(uint32_t)), 0};
    while (in.len) {
        size_t n = utf8_next(in, &r.p[r.len]);
        if (n == 0) return ERR_INVALID;
        r.len++;
        in = str_from(in, n);
    }
    *out = r;
    return 0;
}

struct str runes_write(struct arena *arena, struct runes in) {
    char *p = arena_alloc(arena, in.len * 4 + 1), *at = p;
    for (size_t i = 0; i < in.len; i++) at += utf8_put(at, in.p[i]);
    *at = '\0';
    return (struct str){p, (size_t)(at - p)};
}

bool runes_eq(struct runes a, struct runes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len * sizeof *a.p) == 0);
}

/* libunistring's results are malloc'd. */
static struct runes runes_take(struct arena *arena, uint32_t *p, size_t len) {
    CHECK(p || len == 0);
    struct runes r = {arena_alloc(arena, len * sizeof *p), len};
    if (len) memcpy(r.p, p, len * sizeof *p);
    free(p);
    return r;
}

static struct runes runes_normalize(struct arena *arena, uninorm_t form, struct runes in) {
    size_t len = 0;
    uint32_t *p = u32_normalize(form, in.p, in.len, NULL, &len);
    return runes_take(arena, p, len);
}

static struct runes runes_lower(struct arena *arena, struct runes in) {
    size_t len = 0;
    uint32_t *p = u32_tolower(in.p, in.len, NULL, NULL, NULL, &len);
    return runes_take(arena, p, len);
}

void runes_map_width(struct runes *in) {
    for (size_t i = 0; i < in->len; i++) {
        uint32_t c = in->p[i];
        ucs4_t mapped[UC_DECOMPOSITION_MAX_LENGTH];
        int tag = 0;
        if (c != 0x3000 && (c < 0xff00 || c > 0xffef)) continue;
        if (uc_decomposition(c, &tag, mapped) == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW))
            in->p[i] = mapped[0];
    }
}

#define ROUNDS_MAX 4 /* RFC 8264 section 7 */

int runes_fold(struct arena *arena, struct runes in, struct runes *out) {
    for (int i = 0; i < ROUNDS_MAX; i++) {
        struct runes folded = runes_normalize(arena, UNINORM_NFC, runes_lower(arena, in));
        if (runes_eq(folded, in)) {
            *out = folded;
            return 0;
        }
        in = folded;
    }
    return ERR_INVALID;
}

/* --- classes --- */

enum derived { DISALLOWED, UNASSIGNED, PVALID, FREE_PVAL, CONTEXT };

struct range {
    uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    }
    return false;
}
#define IN(c, ranges) in_ranges((c), (ranges), sizeof(ranges) / sizeof(ranges)[0])

/* RFC 8264 section 9.6, and 9.9 (old Hangul). */
static const struct range always[] = {{0xdf, 0xdf}, {0x3c2, 0x3c2}, {0x6fd, 0x6fe}, {0xf0b, 0xf0b}, {0x3007, 0x3007}};
static const struct range by_context[] = {{0xb7, 0xb7},   {0x375, 0x375},   {0x5f3, 0x5f4},  {0x660, 0x669},
                                          {0x6f0, 0x6f9}, {0x200c, 0x200d}, {0x30fb, 0x30fb}};
static const struct range never[] = {{0x640, 0x640},   {0x7fa, 0x7fa},   {0x302e, 0x302f},
                                     {0x3031, 0x3035}, {0x303b, 0x303b}, {0x1100, 0x11ff},
                                     {0xa960, 0xa97c}, {0xd7b0, 0xd7c6}, {0xd7cb, 0xd7fb}};

/* NFKC would change it. */
static bool has_compat(uint32_t c) {
    uint32_t buffer[32], *p;
    size_t len = sizeof buffer / sizeof buffer[0];
    p = u32_normalize(UNINORM_NFKC, &c, 1, buffer, &len);
    CHECK(p);
    bool changed = len != 1 || p[0] != c;
    if (p != buffer) free(p);
    return changed;
}

static enum derived derive(uint32_t c) {
    if (IN(c, always)) return PVALID;
    if (IN(c, by_context)) return CONTEXT;
    if (IN(c, never)) return DISALLOWED;
    bool is_nonchar = uc_is_property_not_a_character(c);
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cn) && !is_nonchar) return UNASSIGNED;
    if (c >= 0x21 && c <= 0x7e) return PVALID;
    if (is_nonchar || uc_is_property_default_ignorable_code_point(c)) return DISALLOWED;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc)) return DISALLOWED;
    if (has_compat(c)) return FREE_PVAL;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo |
                                                UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
                                                UC_CATEGORY_MASK_Mc))
        return PVALID;
    bool free = uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl | UC_CATEGORY_MASK_No |
                                                        UC_CATEGORY_MASK_Me | UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_S |
                                                        UC_CATEGORY_MASK_P);
    return free ? FREE_PVAL : DISALLOWED;
}

/* --- context (RFC 5892, appendix A) --- */

static bool has_script(uint32_t c, const char *name) {
    const uc_script_t *script = uc_script(c);
    return script && strcmp(script->name, name) == 0;
}

/* Between two letters that would join, or behind a virama; ZWJ only the latter. */
static bool is_joiner_sound(struct runes in, size_t at) {
    if (at == 0) return false;
    if (uc_combining_class(in.p[at - 1]) == UC_CCC_VR) return true;
    if (in.p[at] == 0x200d) return false;
    size_t before = at, after = at + 1;
    while (before > 0 && uc_joining_type(in.p[before - 1]) == UC_JOINING_TYPE_T) before--;
    while (after < in.len && uc_joining_type(in.p[after]) == UC_JOINING_TYPE_T) after++;
    if (before == 0 || after == in.len) return false;
    int left = uc_joining_type(in.p[before - 1]), right = uc_joining_type(in.p[after]);
    return (left == UC_JOINING_TYPE_L || left == UC_JOINING_TYPE_D) &&
           (right == UC_JOINING_TYPE_R || right == UC_JOINING_TYPE_D);
}

static bool is_middle_dot_sound(struct runes in, size_t at) {
    return at > 0 && at + 1 < in.len && in.p[at - 1] == 'l' && in.p[at + 1] == 'l';
}

static bool is_keraia_sound(struct runes in, size_t at) {
    return at + 1 < in.len && has_script(in.p[at + 1], "Greek");
}

static bool is_geresh_sound(struct runes in, size_t at) {
    return at > 0 && has_script(in.p[at - 1], "Hebrew");
}

/* Some letter of these scripts anywhere. An earlier dot has found it already: else this would be slow for many dots. */
static bool is_katakana_dot_sound(struct runes in, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (in.p[i] == in.p[at]) return true;
    }
    for (size_t i = 0; i < in.len; i++) {
        uint32_t c = in.p[i];
        if (has_script(c, "Hiragana") || has_script(c, "Katakana") || has_script(c, "Han")) return true;
    }
    return false;
}

/* The two sets of Arabic digits do not mix. */
static bool is_digit_sound(struct runes in, size_t at) {
    uint32_t other = in.p[at] >= 0x6f0 ? 0x660 : 0x6f0;
    for (size_t i = 0; i < in.len; i++) {
        if (in.p[i] >= other && in.p[i] <= other + 9) return false;
    }
    return true;
}

static const struct {
    uint32_t first, last;
    bool (*is_sound)(struct runes in, size_t at);
} context_rules[] = {
    {0xb7, 0xb7, is_middle_dot_sound},       {0x375, 0x375, is_keraia_sound}, {0x5f3, 0x5f4, is_geresh_sound},
    {0x660, 0x669, is_digit_sound},          {0x6f0, 0x6f9, is_digit_sound},  {0x200c, 0x200d, is_joiner_sound},
    {0x30fb, 0x30fb, is_katakana_dot_sound},
};

static bool is_context_sound(struct runes in, size_t at) {
    for (size_t i = 0; i < sizeof context_rules / sizeof context_rules[0]; i++) {
        if (in.p[at] >= context_rules[i].first && in.p[at] <= context_rules[i].last)
            return context_rules[i].is_sound(in, at);
    }
    return false;
}

static bool is_of_class(struct runes in, bool freeform) {
    for (size_t i = 0; i < in.len; i++) {
        enum derived d = derive(in.p[i]);
        bool good = d == PVALID || (d == FREE_PVAL && freeform) || (d == CONTEXT && is_context_sound(in, i));
        if (!good) return false;
    }
    return true;
}

bool precis_is_identifier(struct runes in) {
    return is_of_class(in, false);
}

bool precis_begins_with_mark(struct runes in) {
    return in.len && uc_is_general_category_withtable(in.p[0], UC_CATEGORY_MASK_M);
}

/* --- the bidi rule --- */

#define BIDI(name) (1u << UC_BIDI_##name)
#define BIDI_RTL (BIDI(R) | BIDI(AL) | BIDI(AN))
#define BIDI_COMMON (BIDI(EN) | BIDI(ES) | BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM))

static unsigned bidi_bit(uint32_t c) {
    return 1u << (unsigned)uc_bidi_class(c);
}

bool precis_has_rtl(struct runes in) {
    for (size_t i = 0; i < in.len; i++) {
        if (bidi_bit(in.p[i]) & BIDI_RTL) return true;
    }
    return false;
}

bool precis_is_bidi_sound(struct runes in) {
    unsigned seen = 0, last = 0;
    if (in.len == 0) return true;
    for (size_t i = 0; i < in.len; i++) {
        unsigned bit = bidi_bit(in.p[i]);
        seen |= bit;
        if (bit != BIDI(NSM)) last = bit;
    }
    unsigned first = bidi_bit(in.p[0]);
    if (first & (BIDI(R) | BIDI(AL))) {
        return !(seen & ~(BIDI_RTL | BIDI_COMMON)) && (last & (BIDI_RTL | BIDI(EN))) &&
               !((seen & BIDI(EN)) && (seen & BIDI(AN)));
    }
    return first == BIDI(L) && !(seen & ~(BIDI(L) | BIDI_COMMON)) && (last & (BIDI(L) | BIDI(EN)));
}

/* --- profiles --- */

int precis_username(struct arena *arena, struct str in, size_t max, struct str *out) {
    struct runes raw, folded;
    if (runes_read(arena, in, max, &raw)) return ERR_INVALID;
    runes_map_width(&raw);
    if (!is_of_class(raw, false) || runes_fold(arena, raw, &folded)) return ERR_INVALID;
    if (folded.len == 0 || !is_of_class(folded, false)) return ERR_INVALID;
    if (precis_has_rtl(folded) && !precis_is_bidi_sound(folded)) return ERR_INVALID;
    *out = runes_write(arena, folded);
    return 0;
}

static void map_spaces(struct runes in) {
    for (size_t i = 0; i < in.len; i++) {
        if (in.p[i] > 0x7f && uc_is_general_category_withtable(in.p[i], UC_CATEGORY_MASK_Zs)) in.p[i] = ' ';
    }
}

int precis_opaque(struct arena *arena, struct str in, size_t max, struct str *out) {
    struct runes r;
    if (runes_read(arena, in, max, &r) || !is_of_class(r, true)) return ERR_INVALID;
    map_spaces(r);
    r = runes_normalize(arena, UNINORM_NFC, r);
    if (r.len == 0 || !is_of_class(r, true)) return ERR_INVALID;
    *out = runes_write(arena, r);
    return 0;
}

/* RFC 3454, B.1: commonly mapped to nothing. */
static const struct range nothing[] = {{0xad, 0xad},     {0x34f, 0x34f},   {0x1806, 0x1806}, {0x180b, 0x180d},
                                       {0x200b, 0x200d}, {0x2060, 0x2060}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};

static void drop_nothing(struct runes *in) {
    size_t kept = 0;
    for (size_t i = 0; i < in->len; i++) {
        if (!IN(in->p[i], nothing)) in->p[kept++] = in->p[i];
    }
    in->len = kept;
}

int precis_password(struct arena *arena, struct str in, size_t max, struct str *out) {
    struct runes r;
    if (runes_read(arena, in, max, &r)) return ERR_INVALID;
    drop_nothing(&r);
    map_spaces(r);
    r = runes_normalize(arena, UNINORM_NFKC, r);
    for (size_t i = 0; i < r.len; i++) {
        if (uc_is_property_not_a_character(r.p[i])) return ERR_INVALID;
        if (uc_is_general_category_withtable(r.p[i], UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Co)) return ERR_INVALID;
    }
    if (r.len == 0) return ERR_INVALID;
    *out = runes_write(arena, r);
    return 0;
}
