/*
 * past.c: a room's archive (XEP-0313). The room says who may read how much of it, at the time of the query; then the asker's own home reads and
 * writes the page, as it does with that account's (im/archive_page.h).
 */
#include <stdlib.h>

#include "features/muc/room.h"
#include "im/account.h"
#include "im/archive_page.h"
#include "im/archive_request.h"
#include "im/crossing.h"
#include "im/iq.h"
#include "im/session.h"
#include "xmpp/ns.h"

/* --- who may --- */

int64_t room_past_from(const struct room *r, struct str bare) {
    if (str_eq(config_get(&r->config, OPTION_PAST), STR("all"))) return 0;
    const struct person *p = room_person(r, bare);
    return p && p->affiliation >= AFFILIATION_MEMBER ? p->since_us : INT64_MAX;
}

bool room_past_is_for(const struct room *r, struct jid full) {
    enum affiliation a = room_affiliation(r, jid_bare_str(full));
    if (a == AFFILIATION_OUTCAST) return false;
    if (a >= AFFILIATION_MEMBER || room_sitter(r, full)) return true;
    return !config_is(&r->config, OPTION_MEMBERS_ONLY) && !config_is(&r->config, OPTION_PROTECTED);
}

/* --- the query --- */

/* Room's home -> the asker's: that request, with what it may see. */
struct grant {
    struct msg_call call;
    struct msg_stanza *request;
    struct archive_place place; /* but its address */
};

static void on_grant(struct turn *turn, struct msg_call *call) {
    struct grant *grant = CONTAINER_OF(call, struct grant, call);
    struct walk walk;
    crossing_open(turn, grant->request, NULL, &walk);
    struct session *s = session_at(walk.im, walk.origin.session, walk.origin.session_gen);
    if (s) { /* else nobody waits any more */
        walk.direction = OUT;
        walk.session = s;
        walk.account = s->account;
        grant->place.bare = jid_bare_str(walk.stanza.to);
        if (str_eq(walk.stanza.payload->name, STR("metadata"))) {
            archive_page_metadata(&walk, &grant->place);
        } else {
            archive_page_query(&walk, &grant->place);
        }
    }
    crossing_free(&grant->request);
    free(grant);
}

void past_on_query(struct walk *walk, struct room *r) {
    struct jid from = walk->stanza.from;
    if (!r->id || !room_past_is_for(r, from)) {
        iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
        return;
    }
    const struct sitter *s = room_sitter(r, from);
    struct grant *grant = msg_new(MSG_CALL, sizeof *grant, walk->crossing->wire->len);
    grant->call.run = on_grant;
    grant->request = crossing_new(&walk->stanza, walk->stanza.to);
    grant->request->origin = walk->origin;
    grant->place = (struct archive_place){
        .owner = -r->id,
        .from = room_past_from(r, jid_bare_str(from)),
        .knows_people = (s && occupant_is_trusted(s->occupant)) ||
                        room_affiliation(r, jid_bare_str(from)) >= AFFILIATION_ADMIN ||
                        str_eq(config_get(&r->config, OPTION_WHOIS), STR("anyone")),
    };
    shard_post(walk->turn->shard->hub->places[walk->origin.shard], &grant->call.msg);
}

void past_on_form(struct walk *walk, struct room *r) {
    struct xml_node *query = xml_new(walk->turn->arena, NS_MAM, STR("query"));
    xml_append(query, archive_request_form(walk->turn->arena, -r->id));
    iq_answer(walk, query);
}
