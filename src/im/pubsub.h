/*
 * pubsub.h: the service of publish-subscribe on accounts (XEP-0060, XEP-0163; docs/decisions/012-pep.md). A request is one job at the store: it
 * looks up, judges and acts in one transaction, and is answered behind its commit; then those whom it concerns are told.
 */
#ifndef CONFAB_IM_PUBSUB_H
#define CONFAB_IM_PUBSUB_H

#include "im/account.h"
#include "im/hook.h"
#include "store/items.h"
#include "xml/node.h"

struct displayed_mark;
struct iq_later;
struct pubsub_request;

/* What an asker is to the account, as its home knew when the request came. */
struct pubsub_asker {
    struct jid jid; /* full or bare */
    bool is_owner;
    bool sees;         /* the owner's presence */
    struct str groups; /* of the owner's roster that it is in, each ended by '\n' */
};

/* [limits] pep_* */
struct pubsub_limits {
    int64_t nodes, items, item_bytes, bytes, people;
};

/* What has happened to a node, for who may know: made by the job, told by pubsub_tell. */
struct pubsub_news {
    struct str node;
    struct pubsub_config config;
    struct str event; /* the element inside the message; empty: nothing to tell */
    struct person_row *people;
    uint32_t people_count;
    struct pubsub_news *next;
};

/* Nobody but the owner may read it. */
static inline bool pubsub_is_private(const struct pubsub_news *news) {
    return news->config.access == PUBSUB_WHITELIST && news->people_count == 0;
}

/* What can be asked for. `run`: on a worker, repeatable, changes nothing when it refuses; 0 or the store's error. */
struct pubsub_op {
    bool writes;
    int (*run)(struct db *db, struct pubsub_request *request);
    /* Instead of the answer's bytes; NULL: those. On the account's home; also when nobody waits (later is NULL then). */
    void (*answer)(struct turn *turn, struct pubsub_request *request);
};

struct pubsub_request {
    struct store_job job;
    struct account *account; /* whose nodes; stays: a job of it */
    struct iq_later *later;  /* NULL: nobody waits */
    const struct pubsub_op *op;
    /* The worker's while it is there: */
    struct arena *arena;            /* of all below */
    const struct xml_node *payload; /* a copy of the request's */
    int64_t owner, now_us;          /* account number; time */
    struct pubsub_asker asker;
    struct pubsub_limits limits;
    const uint8_t *id_key; /* of archive ids */
    void *data;            /* of the op */
    /* What comes out: */
    enum stanza_error refusal; /* STANZA_ERR_NONE: none */
    struct str condition;      /* of it, in pubsub#errors; STR_NONE */
    struct str feature;        /* of <unsupported/>; STR_NONE */
    struct str text;
    struct buf answer; /* the result's payload; empty: none */
    struct pubsub_news *news, *last_news;
    struct jid sends_last;            /* that address gets the last item: it has just subscribed */
    struct str last;                  /* the event of it; empty: there is none */
    struct displayed_mark *displayed; /* read marks that have moved (im/displayed.h) */
    bool avatar_changed;              /* to `avatar` (im/avatar.h): its hash, or STR_NONE */
    struct str avatar;
    /* private */
    uint32_t session, session_gen, bytes; /* charged to that session; bytes 0: none */
};

/* The request of a walk; payload: its element, copied. */
void pubsub_submit(struct walk *walk, const struct pubsub_op *op);
/* The server's own, for that account, as its owner: payload NULL or an element to be copied; data is for the op. It is submitted by pubsub_start. */
struct pubsub_request *pubsub_new(struct turn *turn, struct account *account, const struct pubsub_op *op,
                                  const struct xml_node *payload);
void pubsub_start(struct turn *turn, struct pubsub_request *request);

/* The operation of a request; NULL: there is none. `el`: what stands inside <pubsub/>. */
const struct pubsub_op *pubsub_op_of(enum stanza_type type, const struct xml_node *el);
/* The element that a <pubsub/> is about; NULL: none. */
const struct xml_node *pubsub_action(const struct xml_node *payload);
/* Nodes that the asker may read, as disco#items, and what one of them is, as disco#info. */
extern const struct pubsub_op pubsub_op_disco_items, pubsub_op_disco_info;

/* --- for operations, on a worker --- */

/* Refuses; always returns 0. condition: "closed-node" and the like, or NULL. */
int pubsub_refuse(struct pubsub_request *r, enum stanza_error error, const char *condition);
int pubsub_unsupported(struct pubsub_request *r, const char *feature);
/* The node that `el` names, into *out; 0 with a refusal when there is none or its name is missing. */
int pubsub_node(struct db *db, struct pubsub_request *r, const struct xml_node *el, struct node_row *out);
/* What the asker is to that node: its affiliation, and the better of its subscriptions. */
int pubsub_person(struct db *db, const struct pubsub_request *r, const struct node_row *node, struct person_row *out);
/* May it read? If not it is refused. */
bool pubsub_may_read(struct pubsub_request *r, const struct node_row *node, const struct person_row *person);
/* The same without a refusal: STANZA_ERR_NONE or why not. */
enum stanza_error pubsub_judge(const struct pubsub_asker *asker, const struct pubsub_config *config,
                               const struct person_row *person, const char **out_condition);
bool pubsub_may_publish(const struct pubsub_asker *asker, const struct pubsub_config *config,
                        const struct person_row *person);
/* One of these groups is among those. */
bool pubsub_shares_group(struct str groups, struct str allowed);
/* Something has happened: `event` is what stands inside <event/>. Reads the people. */
int pubsub_news_add(struct db *db, struct pubsub_request *r, const struct node_row *node, const struct buf *event);
/* <item id='…'>xml</item>; xml empty: without. */
void pubsub_item_write(struct buf *out, struct str name, struct str xml);
/* What stands in one, in the arena; NULL: no element. */
struct xml_node *pubsub_item_tree(struct arena *arena, struct str xml);
void pubsub_attr_write(struct buf *out, const char *name, struct str value);
int64_t pubsub_items_max(const struct pubsub_request *r, const struct pubsub_config *config);

/* --- telling (pubsub_event.c), on the account's home --- */

void pubsub_tell(struct turn *turn, struct account *account, const struct pubsub_news *news);
/* The event for one address. */
void pubsub_tell_one(struct turn *turn, struct account *account, struct str event, struct jid to);
/* An event of `from` came to this account. */
void pubsub_arrived(struct turn *turn, struct account *account, struct jid from, struct str node, struct wire *wire);

#endif
