/* rsm.h: result set management (XEP-0059): what a requester asks for, and the <set/> that answers. */
#ifndef CONFAB_XMPP_RSM_H
#define CONFAB_XMPP_RSM_H

#include "xml/node.h"

struct rsm_query {
    bool has_max, has_before, has_after, has_index;
    uint32_t max;
    uint32_t index;
    struct str before; /* empty and has_before: the last page */
    struct str after;
};

/* `parent`'s <set/>, if any (else all zero). ERR_INVALID: bad numbers, several sets, an empty <after/>, both before and
 * after with a value, index with either. An empty <before/> beside <after/> is the last page of what is behind it. */
int rsm_read(struct arena *arena, const struct xml_node *parent, struct rsm_query *out);
/* <set> with first (its index attribute when >= 0), last, count (when >= 0); an empty page: first and last STR_NONE.
 * Appends to parent. */
void rsm_add(struct arena *arena, struct xml_node *parent, struct str first, struct str last, int64_t first_index,
             int64_t count);

#endif
