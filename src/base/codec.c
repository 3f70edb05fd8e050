/*
 * codec.c: bytes as text and back. All strict on the way in: one text for one value, so that nobody can smuggle
 * a second spelling of the same thing past a comparison. Pure; any thread.
 */
#include "base/codec.h"

#include <stdio.h>

#include "base/check.h"
#include "base/err.h"
#include "base/scan.h"

/* --- base64 --- */

static const char alphabet_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct str encode64(struct arena *arena, struct str in, const char *alphabet, bool padded) {
    char *out = arena_alloc(arena, (in.len + 2) / 3 * 4 + 1), *at = out;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) bits = bits << 8 | (k < n ? (unsigned char)in.p[i + k] : 0u);
        for (size_t k = 0; k < n + 1; k++) *at++ = alphabet[bits >> (18 - 6 * k) & 63];
        for (size_t k = n; padded && k < 3; k++) *at++ = '=';
    }
    *at = '\0';
    return (struct str){out, (size_t)(at - out)};
}

static int value64(char c, const char *alphabet) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == alphabet[62]) return 62;
    return c == alphabet[63] ? 63 : -1;
}

/* `in` without padding. */
static int decode64(struct arena *arena, struct str in, const char *alphabet, struct str *out) {
    if (in.len % 4 == 1) return ERR_INVALID;
    char *p = arena_alloc(arena, in.len / 4 * 3 + 3), *at = p;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < in.len; i++) {
        int v = value64(in.p[i], alphabet);
        if (v < 0) return ERR_INVALID;
        bits = (bits << 6 | (uint32_t)v) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *at++ = (char)(bits >> held & 0xff);
        }
    }
    if (bits & ((1u << held) - 1)) return ERR_INVALID; /* another spelling of the same bytes */
    *at = '\0';
    *out = (struct str){p, (size_t)(at - p)};
    return 0;
}

struct str base64_encode(struct arena *arena, struct str bytes) {
    return encode64(arena, bytes, alphabet_std, true);
}

int base64_decode(struct arena *arena, struct str text, struct str *out) {
    if (text.len % 4 != 0) return ERR_INVALID;
    struct str body = text;
    for (int i = 0; i < 2 && body.len && body.p[body.len - 1] == '='; i++) body.len--;
    return decode64(arena, body, alphabet_std, out);
}

struct str base64url_encode(struct arena *arena, struct str bytes) {
    return encode64(arena, bytes, alphabet_url, false);
}

int base64url_decode(struct arena *arena, struct str text, struct str *out) {
    return decode64(arena, text, alphabet_url, out);
}

/* --- hex --- */

struct str hex_encode(struct arena *arena, struct str bytes) {
    static const char digits[] = "0123456789abcdef";
    char *p = arena_alloc(arena, bytes.len * 2 + 1);
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        p[2 * i] = digits[c >> 4];
        p[2 * i + 1] = digits[c & 15];
    }
    p[bytes.len * 2] = '\0';
    return (struct str){p, bytes.len * 2};
}

static int value16(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_decode(struct arena *arena, struct str text, struct str *out) {
    if (text.len % 2) return ERR_INVALID;
    char *p = arena_alloc(arena, text.len / 2 + 1);
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = value16(text.p[2 * i]), low = value16(text.p[2 * i + 1]);
        if (high < 0 || low < 0) return ERR_INVALID;
        p[i] = (char)(high * 16 + low);
    }
    p[text.len / 2] = '\0';
    *out = (struct str){p, text.len / 2};
    return 0;
}

/* --- UTF-8 --- */

size_t utf8_next(struct str s, uint32_t *out) {
    if (s.len == 0) return 0;
    const unsigned char *p = (const unsigned char *)s.p;
    uint32_t c = p[0];
    if (c < 0x80) {
        *out = c;
        return 1;
    }
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || s.len < len) return 0;
    c &= 0x7fu >> len;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
    *out = c;
    return len;
}

size_t utf8_put(char *out, uint32_t c) {
    CHECK(c <= 0x10ffff && (c < 0xd800 || c > 0xdfff));
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> len & 0xff) | c);
    return len;
}

static bool is_xml_char(uint32_t c) {
    return c >= 0x20 ? c != 0xfffe && c != 0xffff : c == '\t' || c == '\n' || c == '\r';
}

static bool is_any_char(uint32_t c) {
    (void)c;
    return true;
}

/* Plain ASCII in long strides, the rest one by one. */
static inline bool all_chars(struct str s, bool (*is_good)(uint32_t c)) {
    const char *end = s.p + s.len;
    for (const char *at = s.p; (at = scan_ascii(at, end)) < end;) {
        uint32_t c = 0;
        size_t n = utf8_next(str_of(at, (size_t)(end - at)), &c);
        if (n == 0 || !is_good(c)) return false;
        at += n;
    }
    return true;
}

bool utf8_valid(struct str s) {
    return s.len == 0 || all_chars(s, is_any_char);
}

bool utf8_valid_xml(struct str s) {
    return s.len == 0 || all_chars(s, is_xml_char);
}

/* --- date and time --- */

#define US_PER_S 1000000
#define S_PER_DAY 86400
/* Seconds at which these years begin. */
#define YEAR_1 INT64_C(-62135596800)
#define YEAR_10000 INT64_C(253402300800)

/* Days since 1970-01-01 in the Gregorian calendar; years are counted from March, so that the leap day comes last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_from_days(int64_t days, int64_t *out_year, int *out_month, int *out_day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    *out_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    *out_month = (int)(month < 10 ? month + 3 : month - 9);
    *out_year = year_of_era + era * 400 + (*out_month <= 2);
}

struct str datetime_format(struct arena *arena, int64_t time_us) {
    int64_t seconds = time_us / US_PER_S, us = time_us % US_PER_S;
    if (us < 0) seconds--, us += US_PER_S;
    int64_t days = seconds / S_PER_DAY, of_day = seconds % S_PER_DAY;
    if (of_day < 0) days--, of_day += S_PER_DAY;
    int64_t year;
    int month, day;
    date_from_days(days, &year, &month, &day);
    char decimals[16] = "";
    if (us) snprintf(decimals, sizeof decimals, ".%06d", (int)us);
    return arena_printf(arena, "%04lld-%02d-%02dT%02d:%02d:%02d%sZ", (long long)year, month, day, (int)(of_day / 3600),
                        (int)(of_day / 60 % 60), (int)(of_day % 60), decimals);
}

/* Takes `digits` decimal digits from the front of *s; -1 when they are not there. */
static int take_number(struct str *s, size_t digits) {
    unsigned long long n;
    if (s->len < digits || !str_to_u64(str_first(*s, digits), 9999, &n)) return -1;
    *s = str_from(*s, digits);
    return (int)n;
}

static bool take_char(struct str *s, char c) {
    if (s->len == 0 || s->p[0] != c) return false;
    *s = str_from(*s, 1);
    return true;
}

/* "" or "." and digits; microseconds, the rest cut. -1: a point without digits. */
static int take_decimals_us(struct str *s) {
    if (!take_char(s, '.')) return 0;
    int us = 0, unit = US_PER_S / 10, count = 0;
    for (; s->len && s->p[0] >= '0' && s->p[0] <= '9'; *s = str_from(*s, 1), count++, unit /= 10)
        us += (s->p[0] - '0') * unit;
    return count ? us : -1;
}

/* "Z" or "+hh:mm" or "-hh:mm", in seconds. */
static bool take_offset_s(struct str *s, int *out) {
    if (take_char(s, 'Z')) return *out = 0, true;
    bool east = take_char(s, '+');
    if (!east && !take_char(s, '-')) return false;
    int hours = take_number(s, 2);
    bool colon = take_char(s, ':');
    int minutes = take_number(s, 2);
    if (hours < 0 || hours > 23 || !colon || minutes < 0 || minutes > 59) return false;
    *out = (hours * 3600 + minutes * 60) * (east ? 1 : -1);
    return true;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

int datetime_parse(struct str text, int64_t *out_time_us) {
    static const struct {
        size_t digits;
        int min, max;
        char after;
    } parts[] = {{4, 1, 9999, '-'}, {2, 1, 12, '-'}, {2, 1, 31, 'T'}, {2, 0, 23, ':'}, {2, 0, 59, ':'}, {2, 0, 60, 0}};
    int v[6];
    for (size_t i = 0; i < 6; i++) {
        v[i] = take_number(&text, parts[i].digits);
        if (v[i] < parts[i].min || v[i] > parts[i].max) return ERR_INVALID;
        if (parts[i].after && !take_char(&text, parts[i].after)) return ERR_INVALID;
    }
    int us = take_decimals_us(&text), offset_s = 0;
    if (us < 0 || !take_offset_s(&text, &offset_s) || text.len) return ERR_INVALID;
    if (v[2] > days_in_month(v[0], v[1])) return ERR_INVALID;
    int64_t seconds = days_from_date(v[0], v[1], v[2]) * S_PER_DAY + v[3] * 3600 + v[4] * 60 + v[5] - offset_s;
    if (seconds < YEAR_1 || seconds >= YEAR_10000) return ERR_INVALID; /* by its offset or a leap second */
    *out_time_us = seconds * US_PER_S + us;
    return 0;
}
