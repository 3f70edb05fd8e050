/* codec.h: bytes as text and back: base64, hex, UTF-8, date and time. Pure functions. */
#ifndef CONFAB_BASE_CODEC_H
#define CONFAB_BASE_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Standard alphabet with padding. */
struct str base64_encode(struct arena *arena, struct str bytes);
/* Strict: right alphabet, right padding, no spaces, unused bits zero. ERR_INVALID otherwise. */
int base64_decode(struct arena *arena, struct str text, struct str *out);
/* URL alphabet, no padding: for ids. */
struct str base64url_encode(struct arena *arena, struct str bytes);
int base64url_decode(struct arena *arena, struct str text, struct str *out);

struct str hex_encode(struct arena *arena, struct str bytes); /* lower case */
int hex_decode(struct arena *arena, struct str text, struct str *out);

/* The first character of s and its length in bytes; 0 when s is empty or does not begin with well-formed UTF-8. */
size_t utf8_next(struct str s, uint32_t *out);
/* Writes 1 to 4 bytes; how many. `c` is a scalar value (CHECKed). */
size_t utf8_put(char *out, uint32_t c);
/* Well-formed UTF-8 (no surrogates, no overlong forms, up to U+10FFFF). */
bool utf8_valid(struct str s);
/* The same, and only characters that XML 1.0 allows. */
bool utf8_valid_xml(struct str s);

/* XEP-0082 profile of ISO 8601. Microseconds since 1970; written in UTC with six or, if they are zero, no decimals. */
struct str datetime_format(struct arena *arena, int64_t time_us);
/* Accepts offsets, any number of decimals; years 1 to 9999. */
int datetime_parse(struct str text, int64_t *out_time_us);

#endif
