/* disco.h: what a client says of itself (XEP-0030), and the verification string that stands for it (XEP-0115 section 5). No I/O. */
#ifndef CONFAB_XMPP_DISCO_H
#define CONFAB_XMPP_DISCO_H

#include "base/crypto.h"
#include "xml/node.h"

/* The string of a disco#info answer, in base64. ERR_INVALID: it says something twice or otherwise so that it has none (section 5.4). */
int disco_verification(struct arena *arena, const struct xml_node *query, enum hash hash, struct str *out);
/* The nodes of which it wants to hear ("NODE+notify"), each ended by '\n'. */
struct str disco_notify(struct arena *arena, const struct xml_node *query);

#endif
