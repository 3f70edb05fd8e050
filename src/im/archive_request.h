/* archive_request.h: what a query of an archive asks for (XEP-0313 section 4): its form, its page, its order. */
#ifndef CONFAB_IM_ARCHIVE_REQUEST_H
#define CONFAB_IM_ARCHIVE_REQUEST_H

#include "im/account.h"
#include "store/archive.h"
#include "xmpp/terms.h"
#include "xmpp/stanza.h"

struct archive_request {
    struct archive_query query; /* account and max are set */
    int64_t *named;             /* sequences that the request names: unless all of them exist it is item-not-found */
    uint32_t named_count;
    struct terms terms;  /* that must be found (XEP-0431); none: whatever it says */
    bool flip;           /* the page is sent newest first */
    struct str query_id; /* STR_NONE: it has none */
};

/* `owner`: as in struct archive_query. `query` is the <query/>; what out points to lives in `arena`. STANZA_ERR_NONE, or why it is refused, with *out_text. */
enum stanza_error archive_request_read(struct turn *turn, int64_t owner, struct arena *arena,
                                       const struct xml_node *query, struct archive_request *out, struct str *out_text);
/* The form of all fields, not filled in. `owner`: of one that is not an account's some are missing. */
struct xml_node *archive_request_form(struct arena *arena, int64_t owner);

#endif
