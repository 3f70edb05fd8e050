/* documents.h: small things that an account has, by kind and name. Plain synchronous functions; a worker calls them inside a job. */
#ifndef CONFAB_STORE_DOCUMENTS_H
#define CONFAB_STORE_DOCUMENTS_H

#include "base/buf.h"
#include "store/db.h"

enum document_kind { DOCUMENT_VCARD = 1, DOCUMENT_PRIVATE = 2, DOCUMENT_LAST = 3 };

/* ERR_NOT_FOUND: it has none. Appends the XML; out_changed_us may be NULL. */
int documents_find(struct db *db, int64_t account, enum document_kind kind, struct str name, struct buf *out_xml,
                   int64_t *out_changed_us);
/* In the place of what was there; an xml of STR_NONE removes it. ERR_LIMIT: it would be one more than `max` of that kind;
 * ERR_NOT_FOUND: the account was deleted, and nothing of it comes back. */
int documents_put(struct db *db, int64_t account, enum document_kind kind, struct str name, struct str xml,
                  int64_t now_us, int64_t max);
/* By name; borrowed. */
int documents_each(struct db *db, int64_t account, enum document_kind kind,
                   bool (*each)(void *arg, struct str name, struct str xml), void *arg);

#endif
