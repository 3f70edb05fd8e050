/*
 * punycode.c: RFC 3492. A label is its ASCII characters, then for each other character, in order of code points, how
 * far to walk through (position, code point) space to where it belongs, as a number with digits of varying base. The
 * names n, delta, bias and the constants are the RFC's. Labels are at most 59 characters, so nothing here can
 * be slow or overflow 64 bits. Pure; any thread.
 */
#include "xmpp/punycode.h"

#include "base/err.h"

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, INITIAL_BIAS = 72, INITIAL_N = 0x80 };

static uint64_t adapt(uint64_t delta, uint64_t count, bool is_first) {
    uint64_t k = 0;
    delta = is_first ? delta / DAMP : delta / 2;
    for (delta += delta / count; delta > ((BASE - T_MIN) * T_MAX) / 2; k += BASE) delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint64_t threshold(uint64_t k, uint64_t bias) {
    if (k <= bias) return T_MIN;
    return k - bias >= T_MAX ? T_MAX : k - bias;
}

/* --- encoding --- */

struct label {
    char p[PUNYCODE_MAX];
    size_t len;
};

static bool label_add(struct label *l, char c) {
    if (l->len == sizeof l->p) return false;
    l->p[l->len++] = c;
    return true;
}

static bool label_add_number(struct label *l, uint64_t delta, uint64_t bias) {
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (uint64_t k = BASE;; k += BASE) {
        uint64_t t = threshold(k, bias);
        if (delta < t) return label_add(l, digits[delta]);
        if (!label_add(l, digits[t + (delta - t) % (BASE - t)])) return false;
        delta = (delta - t) / (BASE - t);
    }
}

/* The least code point not below n. */
static uint32_t next_rune(struct runes in, uint32_t n) {
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < in.len; i++) {
        if (in.p[i] >= n && in.p[i] < least) least = in.p[i];
    }
    return least;
}

int punycode_encode(struct arena *arena, struct runes in, struct str *out) {
    struct label l = {.len = 0};
    if (in.len > PUNYCODE_MAX) return ERR_INVALID;
    for (size_t i = 0; i < in.len; i++) {
        if (in.p[i] < 0x80 && !label_add(&l, (char)in.p[i])) return ERR_INVALID;
    }
    size_t basic = l.len, done = l.len;
    if (basic && !label_add(&l, '-')) return ERR_INVALID;
    uint64_t delta = 0, bias = INITIAL_BIAS;
    for (uint32_t n = INITIAL_N; done < in.len; n++, delta++) {
        uint32_t m = next_rune(in, n);
        delta += (uint64_t)(m - n) * (done + 1);
        n = m;
        for (size_t i = 0; i < in.len; i++) {
            if (in.p[i] < n) delta++;
            if (in.p[i] != n) continue;
            if (!label_add_number(&l, delta, bias)) return ERR_INVALID;
            bias = adapt(delta, done + 1, done == basic);
            delta = 0;
            done++;
        }
    }
    *out = arena_dup(arena, str_of(l.p, l.len));
    return 0;
}

/* --- decoding --- */

static int digit_value(char c) {
    if (c >= 'a' && c <= 'z') return c - 'a';
    if (c >= 'A' && c <= 'Z') return c - 'A';
    return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

static bool take_number(struct str *in, uint64_t bias, uint64_t *out) {
    uint64_t i = 0, weight = 1;
    for (uint64_t k = BASE;; k += BASE) {
        int digit = in->len ? digit_value(in->p[0]) : -1;
        if (digit < 0) return false;
        *in = str_from(*in, 1);
        i += (uint64_t)digit * weight;
        if (i > UINT32_MAX) return false;
        uint64_t t = threshold(k, bias);
        if ((uint64_t)digit < t) return *out = i, true;
        weight *= BASE - t;
        if (weight > UINT32_MAX) return false;
    }
}

/* Index behind the last '-', which ends the ASCII part; 0 when there is none. */
static size_t basic_end(struct str in) {
    size_t at = in.len;
    while (at > 0 && in.p[at - 1] != '-') at--;
    return at;
}

int punycode_decode(struct arena *arena, struct str in, struct runes *out) {
    if (in.len > PUNYCODE_MAX) return ERR_INVALID;
    struct runes r = {arena_alloc(arena, (PUNYCODE_MAX + 1) * sizeof(uint32_t)), 0};
    size_t end = basic_end(in);
    for (size_t i = 0; i + 1 < end; i++) r.p[r.len++] = (unsigned char)in.p[i];
    in = str_from(in, end);
    uint64_t n = INITIAL_N, i = 0, bias = INITIAL_BIAS;
    for (bool is_first = true; in.len; is_first = false) {
        uint64_t delta;
        if (!take_number(&in, bias, &delta)) return ERR_INVALID;
        bias = adapt(delta, r.len + 1, is_first);
        i += delta;
        n += i / (r.len + 1);
        i %= r.len + 1;
        if (n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff)) return ERR_INVALID;
        memmove(&r.p[i + 1], &r.p[i], (r.len - i) * sizeof *r.p);
        r.p[i++] = (uint32_t)n;
        r.len++;
    }
    *out = r;
    return 0;
}
