/* punycode.h: Unicode labels of domain names as ASCII and back (RFC 3492), without the "xn--". */
#ifndef CONFAB_XMPP_PUNYCODE_H
#define CONFAB_XMPP_PUNYCODE_H

#include "xmpp/precis.h"

#define PUNYCODE_MAX 59 /* a label of 63 without "xn--" */

/* In lower case. ERR_INVALID: the result would be above PUNYCODE_MAX. */
int punycode_encode(struct arena *arena, struct runes in, struct str *out);
/* ERR_INVALID also for what encoding never gives. */
int punycode_decode(struct arena *arena, struct str in, struct runes *out);

#endif
