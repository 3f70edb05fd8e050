/*
 * pubsub.h: what can be said of a node of publish-subscribe (XEP-0060 section 16.4.4) as values, and as the forms that say it. No I/O.
 */
#ifndef CONFAB_XMPP_PUBSUB_H
#define CONFAB_XMPP_PUBSUB_H

#include "xml/node.h"

/* Who may read and subscribe. Stored: append only. */
enum pubsub_access { PUBSUB_OPEN, PUBSUB_PRESENCE, PUBSUB_ROSTER, PUBSUB_AUTHORIZE, PUBSUB_WHITELIST };
/* Who may publish. */
enum pubsub_publish { PUBSUB_BY_PUBLISHERS, PUBSUB_BY_SUBSCRIBERS, PUBSUB_BY_ALL };
/* When the last item is sent unasked. */
enum pubsub_last { PUBSUB_LAST_NEVER, PUBSUB_LAST_ON_SUB, PUBSUB_LAST_ON_PRESENCE };
/* The type of the messages that tell of news. */
enum pubsub_message { PUBSUB_HEADLINE, PUBSUB_NORMAL, PUBSUB_CHAT };
/* Each stands for its bit. Stored: append only. */
enum pubsub_flag {
    PUBSUB_DELIVERS = 1,       /* deliver_notifications */
    PUBSUB_PAYLOADS = 2,       /* deliver_payloads */
    PUBSUB_PERSISTS = 4,       /* persist_items */
    PUBSUB_TELLS_CONFIG = 8,   /* notify_config */
    PUBSUB_TELLS_DELETE = 16,  /* notify_delete */
    PUBSUB_TELLS_RETRACT = 32, /* notify_retract */
};

enum pubsub_affiliation {
    PUBSUB_NONE,
    PUBSUB_MEMBER,
    PUBSUB_PUBLISH_ONLY,
    PUBSUB_PUBLISHER,
    PUBSUB_OWNER,
    PUBSUB_OUTCAST
};
enum pubsub_subscription { PUBSUB_UNSUBSCRIBED, PUBSUB_PENDING, PUBSUB_SUBSCRIBED };

struct pubsub_config {
    int64_t access, publish, last, message; /* the enums above */
    int64_t flags;                          /* enum pubsub_flag */
    int64_t max_items;                      /* 0: as many as the server keeps, "max" */
    int64_t payload_max;                    /* bytes; 0: as the server has it */
    struct str groups;                      /* roster_groups_allowed, each ended by '\n' */
    struct str title, description, type;    /* empty: none */
};

/* What a node of that name is when its owner says nothing: presence, one item; open for OMEMO's, private for what a person's own programs share. */
struct pubsub_config pubsub_config_default(struct str node);

/*
 * The fields of a submitted form, over what stands in *config. ERR_NOT_FOUND: a field that is none of these; ERR_INVALID: a value that is none;
 * *config is then half changed. Strings are in the arena or the form's.
 */
int pubsub_config_read(struct arena *arena, const struct xml_node *form, struct pubsub_config *config);
bool pubsub_config_eq(const struct pubsub_config *a, const struct pubsub_config *b);
/* The form that asks for it (type `form`) or tells it. */
struct xml_node *pubsub_config_form(struct arena *arena, struct str type, struct str form_type,
                                    const struct pubsub_config *config);

struct str pubsub_affiliation_name(int64_t affiliation);
bool pubsub_affiliation_read(struct str name, int64_t *out);
struct str pubsub_subscription_name(int64_t subscription);
bool pubsub_subscription_read(struct str name, int64_t *out);
struct str pubsub_message_type(int64_t message); /* STR_NONE: normal */

#endif
