/*
 * router.h: where a stanza goes. Out-chain on the sender's home, a message to the recipient's home, in-chain there; and
 * the message of its fate back. All stanzas to accounts take this way, also within one shard.
 */
#ifndef CONFAB_IM_ROUTER_H
#define CONFAB_IM_ROUTER_H

#include "im/crossing.h"

/* REFUSED: an error, if there is one, was sent before this. REPEATED: it was stored when it was sent before. STORED: but not for the sender.
 * ARCHIVED: the sender's archive has it now. */
enum fate { FATE_REFUSED, FATE_REPEATED, FATE_STORED, FATE_ARCHIVED };

/* A stanza's fate, told to the sender's home. */
struct msg_decided {
    struct msg msg;
    struct origin origin;
    int64_t out_sequence;
    enum fate fate;
    uint16_t bare_len;
    char bare[]; /* the sender */
};

enum fan_kind {
    FAN_PRESENCE,
    FAN_FAREWELL, /* unavailable */
    FAN_PROBE,
    FAN_NEWS,      /* an event of a node (im/pubsub.h): `about` */
    FAN_TAKEN_BACK /* unavailable to who was shown presence directly: a stanza like any other, also to full addresses */
};

/* One presence (or a probe) for many accounts of one shard. */
struct msg_fan {
    struct msg msg;
    enum fan_kind kind;
    struct wire *wire; /* presence or event; NULL for a probe */
    uint16_t from_len; /* full or bare address of the sender */
    uint16_t about_len;
    uint32_t target_count;
    uint32_t text_len;
    uint32_t done_len; /* of the targets: it is delivered in slices */
    char text[];       /* from, about, then each target: two bytes of length, address */
};

/* The out-chain for a stanza of a session; the stanza's fate is told to origin. `from` is stamped. */
void router_out(struct turn *turn, struct session *session, const struct stanza *stanza, uint32_t number);
/* A stanza that the server makes on behalf of an account (or itself), straight to the recipient's in-chain. */
void router_send(struct turn *turn, const struct xml_node *el, struct jid to);
/* The same with one more child at its end, as bytes that name their namespace (a result or a message, which is not looked into). */
void router_send_with(struct turn *turn, const struct xml_node *el, struct jid to, struct str child);
/* The same for an element that was serialised to be owed. */
void router_send_owed(struct turn *turn, struct str stanza, struct jid to, int64_t owed);
/* A message that the server makes, to an account here, which keeps it like any other. `origin`: whom its fate is told; NULL: nobody. */
void router_send_kept(struct turn *turn, const struct xml_node *el, struct jid to, const struct origin *origin);
/* An answer (error, result) to whoever sent w's stanza: to the session itself in OUT, by way of its home in IN. */
void router_answer(struct walk *walk, const struct xml_node *el);
/* The error that answers w's stanza, unless it must not be answered. text may be STR_NONE. Always returns DROP. */
enum verdict router_refuse(struct walk *walk, enum stanza_error error, struct str text);
/* OUT: sends the walk on to the recipient's home. */
void router_forward(struct walk *walk);
/* IN: the fate is settled: tells the sender's home if it waits. */
void router_decided(struct turn *turn, const struct origin *origin, struct jid sender, int64_t out_sequence,
                    enum fate fate);

/* Fan-out of presence from an account to many addresses, one message per shard. */
struct fan {
    struct turn *turn;
    enum fan_kind kind;
    struct wire *wire; /* borrowed; NULL for probes */
    struct jid from;
    struct str about; /* FAN_NEWS: the node, set after fan_begin; else nothing */
    struct {
        struct buf targets;
        uint32_t count;
    } shards[PLACES_MAX];
};
void fan_begin(struct fan *fan, struct turn *turn, enum fan_kind kind, struct jid from, struct wire *wire);
void fan_add(struct fan *fan, struct jid to);
/* True: some of those shards are crowded; who causes more of it must wait. */
bool fan_end(struct fan *fan);

enum target router_target(const struct im *im, struct jid to, struct jid own);

/* Message handlers. */
void router_on_stanza(struct turn *turn, struct msg *msg);
void router_on_fan(struct turn *turn, struct msg *msg);
void router_on_decided(struct turn *turn, struct msg *msg);

/* Stages DELIVER and after of an in-walk whose commit is back (im/archive.c calls it). */
void router_deliver(struct walk *walk);

#endif
