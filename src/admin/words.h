/* words.h: a line of words, as the admin socket and confabctl exchange them: separated by spaces, quoted where they must be. */
#ifndef CONFAB_ADMIN_WORDS_H
#define CONFAB_ADMIN_WORDS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* The words of a line without its newline, in the arena. ERR_INVALID: a quotation that does not end or a control character;
 * ERR_LIMIT: more than `max`. */
int words_parse(struct arena *arena, struct str line, struct str *out, unsigned max, unsigned *out_count);
/* Appends one word, quoted if need be, behind a space if something stands there already. ERR_INVALID: a control character. */
int words_add(struct buf *line, struct str word);

#endif
