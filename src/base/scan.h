/*
 * scan.h: running over bytes that need no attention, 16 at a time where SSE2 is (every x86-64), else one by one. Both
 * give the same answer; tests/unit/scan_test.c compares them.
 */
#ifndef CONFAB_BASE_SCAN_H
#define CONFAB_BASE_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first byte that is one of the five or a control (below 0x20), or `end`. Give a byte twice to look for fewer. */
static inline const char *scan_to(const char *at, const char *end, char a, char b, char c, char d, char e) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i hit = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(a)), _mm_cmpeq_epi8(v, _mm_set1_epi8(b))));
        hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)), _mm_cmpeq_epi8(v, _mm_set1_epi8(d))));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(e)));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask) return at + __builtin_ctz(mask);
    }
#endif
    for (; at < end; at++) {
        if (*at == a || *at == b || *at == c || *at == d || *at == e || (unsigned char)*at < 0x20) break;
    }
    return at;
}

/* The first byte outside 0x20 to 0x7f, or `end`. */
static inline const char *scan_ascii(const char *at, const char *end) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
        /* As signed numbers, both the controls and the bytes from 0x80 are below 0x20. */
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)));
        if (mask) return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80) at++;
    return at;
}

#endif
