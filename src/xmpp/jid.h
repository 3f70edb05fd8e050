/*
 * jid.h: addresses by RFC 7622 (PRECIS on libunistring, with an ASCII fast path). A struct jid is always normalised,
 * so equal addresses are equal bytes; making one twice changes nothing. Limits (1023 bytes a part) hold after
 * normalisation.
 */
#ifndef CONFAB_XMPP_JID_H
#define CONFAB_XMPP_JID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* One piece of text, "local@domain/resource", and where its parts end. Borrowed: lives where its text lives. */
struct jid {
    const char *p;         /* NULL: no address */
    uint16_t local_len;    /* 0: none */
    uint16_t domain_len;   /* never 0 */
    uint16_t resource_len; /* 0: none, a bare JID */
};

#define JID_NONE ((struct jid){NULL, 0, 0, 0})
#define JID_PART_MAX 1023
#define JID_MAX (3 * JID_PART_MAX + 2)

static inline bool jid_some(struct jid j) {
    return j.p != NULL;
}
static inline struct str jid_local(struct jid j) {
    return (struct str){j.p, j.local_len};
}
static inline size_t jid_bare_len_(struct jid j) {
    return (j.local_len ? j.local_len + 1u : 0u) + j.domain_len;
}
static inline struct str jid_domain(struct jid j) {
    return (struct str){j.p + (j.local_len ? j.local_len + 1u : 0u), j.domain_len};
}
static inline struct str jid_resource(struct jid j) {
    return (struct str){j.p + jid_bare_len_(j) + 1, j.resource_len};
}
/* "local@domain" or "domain", as text. */
static inline struct str jid_bare_str(struct jid j) {
    return (struct str){j.p, j.p ? jid_bare_len_(j) : 0};
}
/* The whole, as text. */
static inline struct str jid_str(struct jid j) {
    return (struct str){j.p, j.p ? jid_bare_len_(j) + (j.resource_len ? j.resource_len + 1u : 0u) : 0};
}
static inline bool jid_is_bare(struct jid j) {
    return j.resource_len == 0;
}
/* The same without the resource; borrows the same text. */
static inline struct jid jid_bare(struct jid j) {
    j.resource_len = 0;
    return j;
}
static inline bool jid_eq(struct jid a, struct jid b) {
    return str_eq(jid_str(a), jid_str(b));
}
static inline bool jid_bare_eq(struct jid a, struct jid b) {
    return str_eq(jid_bare_str(a), jid_bare_str(b));
}

/* ERR_INVALID for anything that is not an address (empty parts, forbidden characters, too long). In the arena; borrows
 * `text` itself when that is normalised already. */
int jid_parse(struct arena *arena, struct str text, struct jid *out);
/* From normalised parts; local and resource may be empty. */
struct jid jid_make(struct arena *arena, struct str local, struct str domain, struct str resource);
/* Copies the text into the arena. */
struct jid jid_dup(struct arena *arena, struct jid j);
/* Of text that came from a struct jid (a database, a message between shards): trusts it. */
struct jid jid_trusted(struct str text);

/* The parts alone: PRECIS UsernameCaseMapped, IDNA domain, OpaqueString. ERR_INVALID. */
int jid_prepare_local(struct arena *arena, struct str in, struct str *out);
int jid_prepare_domain(struct arena *arena, struct str in, struct str *out);
int jid_prepare_resource(struct arena *arena, struct str in, struct str *out);

#endif
