/*
 * document.h: small things that an account has (store/documents.h), for requests: read or written by a job of the account, in the order in which
 * they were asked for, and answered when the job is back.
 */
#ifndef CONFAB_IM_DOCUMENT_H
#define CONFAB_IM_DOCUMENT_H

#include "im/account.h"
#include "im/hook.h"
#include "store/documents.h"
#include "xml/node.h"

struct iq_later;

/* What was found, for the request `later`, which it answers. err: ERR_NOT_FOUND, or the store's. `xml` and `name` live until it returns. */
typedef void (*document_found)(struct turn *turn, struct iq_later **later, int err, struct str name, struct str xml,
                               int64_t changed_us);
void document_get(struct walk *walk, enum document_kind kind, struct str name, document_found found);
/* Answers with an empty result, or an error. xml STR_NONE: removes it. ERR_LIMIT of `max` of that kind: resource-constraint. */
void document_set(struct walk *walk, enum document_kind kind, struct str name, struct str xml, int64_t max);
/* Nobody waits for it. */
void document_note(struct turn *turn, struct account *account, enum document_kind kind, int64_t now_us);

/* As it was stored; NULL: it cannot be read. In the turn's arena; borrows the text. */
struct xml_node *document_tree(struct turn *turn, struct str xml);
/* No attributes, no children: who sets it wants it gone. */
bool document_is_empty(const struct xml_node *el);

#endif
