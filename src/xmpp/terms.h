/*
 * terms.h: the words of a text as they are searched: without case, accents and punctuation. Pure; any thread. The app finds in its cache by
 * the same rules (web/src/store/terms.ts).
 */
#ifndef CONFAB_XMPP_TERMS_H
#define CONFAB_XMPP_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { TERM_BYTES_MAX = 64, TERMS_MAX = 4000 };

struct terms {
    struct str *list;
    uint32_t count;
};

/*
 * In the order of the text, the same one as often as it stands there; TERMS_MAX at most. A term is a run of letters and digits, folded; what is beyond
 * TERM_BYTES_MAX is left off. Scripts that write no spaces give pairs, and the last character alone; a pictogram is a term of its own.
 */
struct terms terms_read(struct arena *arena, struct str text);
/* Every one of `wanted` begins some term of the text. */
bool terms_match(const struct terms *text, const struct terms *wanted);

#endif
