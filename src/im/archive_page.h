/* archive_page.h: answers to queries of archives (XEP-0313): an account's own, and a room's for who may read it. */
#ifndef CONFAB_IM_ARCHIVE_PAGE_H
#define CONFAB_IM_ARCHIVE_PAGE_H

#include "im/hook.h"

struct archive_place {
    int64_t owner;     /* whose archive (store/archive.h): an account's number, or a room's made negative */
    struct str bare;   /* its address */
    int64_t from;      /* what is older is not for who asks; 0: all is */
    bool knows_people; /* may be told who stands behind a nick */
};

/* The walk is one OUT, of the session that asks; it is answered in a later turn. <query/>. */
void archive_page_query(struct walk *walk, const struct archive_place *place);
/* <metadata/>: where it begins and ends; a query like others, or its end could be ahead of what is in flight. */
void archive_page_metadata(struct walk *walk, const struct archive_place *place);

#endif
