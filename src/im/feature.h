/*
 * feature.h: a feature is one file with one table, listed once in features/features.c. From the tables come the
 * dispatch of stanzas and requests, disco, docs/protocol.md and `confabctl hooks`. Nothing registers itself.
 */
#ifndef CONFAB_IM_FEATURE_H
#define CONFAB_IM_FEATURE_H

#include "base/buf.h"
#include "im/hook.h"

/* What a request is about: chosen by target and the payload's namespace and name. */
struct iq_handler {
    enum stanza_type type; /* IQ_GET or IQ_SET */
    unsigned targets; /* set of TO(SELF), TO(SERVER): run on the sender's home; TO(ACCOUNT): on that account's home */
    struct str ns, name;
    /* Answers exactly once, now or later: iq_answer, iq_refuse (im/iq.h). */
    void (*run)(struct walk *walk);
};

struct feature {
    const char *name;                /* file and feature */
    const char *spec;                /* "XEP-0199", "RFC 6121", several separated by ", " */
    const char *version;             /* of the spec that was read */
    const char *text;                /* one line for docs/protocol.md */
    const struct str *disco;         /* features of the server, ended by STR_NONE; NULL: none */
    const struct str *disco_account; /* features of accounts (bare addresses) */
    const struct iq_handler *iq;     /* ended by ns STR_NONE; NULL: none */
    /* Requests that an account refuses strangers as `forbidden`, and nobody does so too. NULL: none. */
    bool (*forbids)(const struct stanza *request);
    /* Requests that an account answers with item-not-found when it has nothing, and nobody does so too. NULL: none. */
    bool (*hides)(const struct stanza *request);
    const struct hook *hooks;                                      /* ended by run NULL; NULL: none */
    void (*disco_form)(struct walk *walk, struct xml_node *query); /* adds a form to the server's answer; NULL: none */
    /* Events that are not stanzas. Any may be NULL. */
    void (*session_bound)(struct turn *turn, struct session *session);
    void (*session_resumed)(struct turn *turn, struct session *session); /* over a new connection (XEP-0198) */
    void (*session_ended)(struct turn *turn, struct session *session);   /* any end; the session is still whole */
    void (*account_loaded)(struct turn *turn, struct account *account);
    void (*stop)(struct im *im); /* the shard's thread has ended: what the feature still has there goes */
};

/* THE list (features/features.c), ended by NULL. Its order is the order inside a stage. */
extern const struct feature *const features[];

struct chain {
    const struct hook **hooks; /* in order; NULL-terminated */
};

/* Resolved once at start, shared by all threads, immutable. */
struct grid {
    struct chain chains[DIRECTIONS][STANZA_KINDS][TARGETS][STAGES];
};
const struct grid *grid_get(void);
void grid_build(void);
/* The resolved chains as text, one line each: pinned by tests/golden/hooks.txt. */
void grid_print(struct buf *out);
/* docs/protocol.md from the tables. */
void features_write_markdown(struct buf *out);

/* What an account that does not exist answers. */
enum stanza_error feature_refusal_of_nobody(const struct stanza *request);
const struct iq_handler *feature_iq_handler(enum stanza_type type, enum target target, const struct xml_node *payload);

#endif
