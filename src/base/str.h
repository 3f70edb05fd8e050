/*
 * str.h: a borrowed view of bytes. It owns nothing, is passed by value, need not end in NUL,
 * and an absent value is {NULL, 0}, which is not the same as the empty string.
 */
#ifndef CONFAB_BASE_STR_H
#define CONFAB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p;
    size_t len;
};

/* From a literal. Also in initialisers of constants: STR_INIT. */
#define STR(literal) ((struct str){"" literal "", sizeof(literal) - 1})
#define STR_INIT(literal)                                                                                              \
    { "" literal "", sizeof(literal) - 1 }
#define STR_NONE ((struct str){NULL, 0})
/* For printf: "%.*s", STR_FMT(s) */
#define STR_FMT(s) (int)(s).len, (s).p ? (s).p : ""

static inline struct str str_c(const char *c_string) {
    return (struct str){c_string, c_string ? strlen(c_string) : 0};
}

static inline struct str str_of(const void *p, size_t len) {
    return (struct str){(const char *)p, len};
}

static inline bool str_eq(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Present and not empty. */
static inline bool str_some(struct str s) {
    return s.len > 0;
}

/* Byte order, shorter first when one is the beginning of the other. */
static inline int str_cmp(struct str a, struct str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static inline bool str_starts(struct str s, struct str prefix) {
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

static inline bool str_ends(struct str s, struct str suffix) {
    return s.len >= suffix.len && (suffix.len == 0 || memcmp(s.p + s.len - suffix.len, suffix.p, suffix.len) == 0);
}

/* From `from` to the end; empty when out of range. */
static inline struct str str_from(struct str s, size_t from) {
    if (!s.p) return s;
    return from >= s.len ? (struct str){s.p + s.len, 0} : (struct str){s.p + from, s.len - from};
}

static inline struct str str_first(struct str s, size_t len) {
    return (struct str){s.p, len < s.len ? len : s.len};
}

/* Index of the first `c`, or s.len. */
static inline size_t str_index(struct str s, char c) {
    const char *at = s.len ? memchr(s.p, c, s.len) : NULL;
    return at ? (size_t)(at - s.p) : s.len;
}

/* Decimal, no sign, no spaces, whole string. False (out untouched) when it is none or above max. */
bool str_to_u64(struct str s, unsigned long long max, unsigned long long *out);

#endif
