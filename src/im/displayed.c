/*
 * displayed.c: see displayed.h. What must hold: marks only move forward, whoever moves them; and what is told of one is not told back.
 */
#include "im/displayed.h"

#include "im/archive.h"
#include "im/inbox.h"
#include "im/pubsub_ops.h"
#include "xmpp/ns.h"

/* --- on a worker --- */

int64_t displayed_sequence(const struct pubsub_request *r, const struct xml_node *displayed) {
    if (!xml_is(displayed, NS_MDS, STR("displayed"))) return 0;
    const struct xml_node *id = xml_child(displayed, NS_SID, STR("stanza-id"));
    int64_t sequence = 0;
    struct block_cipher *ids = block_cipher_new(r->id_key); /* that of the shard is its own */
    bool is_ours = id && archive_id_decode(ids, r->arena, r->owner, xml_attr(id, STR("id")), &sequence) == 0;
    block_cipher_free(&ids);
    return is_ours ? sequence : 0;
}

void displayed_note(struct pubsub_request *r, struct str peer, int64_t sequence) {
    struct displayed_mark *mark = ARENA_NEW(r->arena, struct displayed_mark);
    *mark = (struct displayed_mark){peer, sequence, r->displayed};
    r->displayed = mark;
}

/* What the inbox says, it knows. */
static int publish_only(struct db *db, struct pubsub_request *r) {
    int err = pubsub_publish(db, r);
    r->displayed = NULL;
    return err;
}

/* --- on the account's home --- */

static void on_marked(struct turn *turn, void *arg, int err, const struct inbox_state *state) {
    (void)turn, (void)arg, (void)err, (void)state; /* of a conversation that has no such row nothing is marked */
}

uint32_t displayed_follow(struct turn *turn, struct account *a, const struct displayed_mark *marks) {
    uint32_t jobs = 0;
    for (const struct displayed_mark *m = marks; m; m = m->next) {
        struct jid peer;
        if (m->sequence > a->last_sequence || jid_parse(turn->arena, m->peer, &peer) || !jid_is_bare(peer)) continue;
        inbox_read(turn, a, NULL, jid_bare_str(peer), m->sequence, on_marked, NULL);
        jobs++;
    }
    return jobs;
}

static void publish(struct turn *turn, struct account *a, struct str peer, const struct xml_node *displayed,
                    const struct pubsub_op *op) {
    struct arena *arena = turn->arena;
    struct xml_node *pubsub = xml_new(arena, NS_PUBSUB, STR("pubsub"));
    struct xml_node *el = xml_add(arena, pubsub, NS_PUBSUB, STR("publish"));
    struct xml_node *item = xml_add(arena, el, NS_PUBSUB, STR("item"));
    xml_set(arena, el, STR("node"), DISPLAYED_NODE);
    xml_set(arena, item, STR("id"), peer);
    xml_append(item, xml_copy_deep(arena, displayed));
    pubsub_start(turn, pubsub_new(turn, a, op, pubsub));
}

void displayed_say(struct turn *turn, struct account *a, struct str peer, int64_t sequence) {
    static const struct pubsub_op op = {true, publish_only, NULL};
    struct xml_node *displayed = xml_new(turn->arena, NS_MDS, STR("displayed"));
    struct xml_node *id = xml_add(turn->arena, displayed, NS_SID, STR("stanza-id"));
    xml_set(turn->arena, id, STR("by"), account_bare(a));
    xml_set(turn->arena, id, STR("id"), archive_id(turn, a, sequence));
    publish(turn, a, peer, displayed, &op);
}

void displayed_assist(struct turn *turn, struct account *a, struct str peer, const struct xml_node *displayed) {
    static const struct pubsub_op op = {true, pubsub_publish, NULL};
    publish(turn, a, peer, displayed, &op);
}
