/*
 * precis.h: which characters names may hold and in which form (PRECIS, RFC 8264 and 8265), on the Unicode tables of
 * libunistring. For jid.c and sasl.c; the callers have fast paths for ASCII, so speed is not the aim here.
 * All in arrays of code points in the arena.
 */
#ifndef CONFAB_XMPP_PRECIS_H
#define CONFAB_XMPP_PRECIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct runes {
    uint32_t *p;
    size_t len;
};

/* ERR_INVALID: not UTF-8, or above `max` bytes. */
int runes_read(struct arena *arena, struct str in, size_t max, struct runes *out);
struct str runes_write(struct arena *arena, struct runes in);
bool runes_eq(struct runes a, struct runes b);

/* Full-width and half-width forms to the usual ones. In place. */
void runes_map_width(struct runes *in);
/* Lower case, NFC; repeated until nothing changes. ERR_INVALID: it does not settle. */
int runes_fold(struct arena *arena, struct runes in, struct runes *out);

/* All in the IdentifierClass, with the rules for context. */
bool precis_is_identifier(struct runes in);
bool precis_begins_with_mark(struct runes in);
/* The bidi rule (RFC 5893, 2) for one label or name. */
bool precis_is_bidi_sound(struct runes in);
/* Anything written from right to left in there? */
bool precis_has_rtl(struct runes in);

/* The profiles, whole. The results are fixed points. ERR_INVALID. */
int precis_username(struct arena *arena, struct str in, size_t max, struct str *out);
int precis_opaque(struct arena *arena, struct str in, size_t max, struct str *out);
/* SASLprep (RFC 4013) but for its bidi rule, because SCRAM's clients prepare passwords so. */
int precis_password(struct arena *arena, struct str in, size_t max, struct str *out);

#endif
