/* register.c: a nick of one's own in a room, and with it, as a rule, membership (XEP-0045 section 7.10, jabber:iq:register). */
#include "features/muc/room.h"
#include "im/iq.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

void on_register_get(struct walk *walk, struct room *r) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_REGISTER, STR("query"));
    const struct person *p = room_person(r, jid_bare_str(walk->stanza.from));
    if (asker_affiliation(walk, r) == AFFILIATION_OUTCAST) {
        iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
        return;
    }
    if (p && p->nick_len) {
        xml_add(arena, query, STR_NONE, STR("registered"));
        xml_add_text(arena, xml_add(arena, query, STR_NONE, STR("username")), person_nick(p));
    } else {
        struct xml_node *form = form_new(arena, STR("form"), STR("http://jabber.org/protocol/muc#register"));
        struct xml_node *field = form_add(arena, form, STR("text-single"), STR("muc#register_roomnick"), STR_NONE);
        xml_set(arena, field, STR("label"), STR("Your nick in this room"));
        xml_add(arena, field, STR_NONE, STR("required"));
        xml_append(query, form);
    }
    iq_answer(walk, query);
}

struct registering {
    struct room_person person;
    struct belonging belonging; /* who leaves a group */
};

static int nick_write(struct db *db, struct room_change *c) {
    const struct registering *what = c->what;
    int err = rooms_set_person(db, c->room->id, &what->person);
    return err ? err : belonging_write(db, c->room, &what->belonging);
}

static void nick_apply(struct turn *turn, struct room_change *c, int result) {
    const struct registering *what = c->what;
    struct room *r = c->room;
    if (result) {
        iq_later_failed(turn, &c->later, result);
        room_change_free(c);
        return;
    }
    room_person_set(r, &what->person);
    iq_later_answer(turn, &c->later, NULL);
    belonging_send(turn, &what->belonging);
    enum affiliation a = what->person.affiliation;
    struct occupant *o = room_by_bare(r, what->person.jid);
    if (o && o->role != room_role_for(r, a)) occupant_affiliated(turn, o, a, STR_NONE, STR_NONE);
    room_change_free(c);
}

/* Who registers is a member; where only members come in, or speak, they are made by its admins: there one has but the nick. */
void on_register_set(struct walk *walk, struct room *r) {
    struct arena *arena = walk->turn->arena;
    const struct xml_node *query = walk->stanza.payload, *form = xml_child(query, NS_DATA, STR("x"));
    bool is_leave = xml_child(query, NS_REGISTER, STR("remove")) != NULL;
    struct str nick = form ? form_value(arena, form_field(form, STR("muc#register_roomnick"))) : STR_NONE, sound;
    struct str bare = jid_bare_str(walk->stanza.from);
    enum affiliation own = asker_affiliation(walk, r);
    enum stanza_error error = STANZA_ERR_NONE;
    if (!r->id || own == AFFILIATION_OUTCAST) {
        error = STANZA_ERR_FORBIDDEN;
    } else if (is_leave) {
        if (own == AFFILIATION_OWNER && room_owners(r) == 1) error = STANZA_ERR_CONFLICT;
    } else if (own < AFFILIATION_MEMBER && config_is(&r->config, OPTION_MEMBERS_ONLY)) {
        error = STANZA_ERR_NOT_ALLOWED;
    } else if (!str_some(nick) || jid_prepare_resource(arena, nick, &sound) != 0) {
        error = STANZA_ERR_BAD_REQUEST;
    } else if (nick_refused(r, sound, bare)) {
        error = STANZA_ERR_CONFLICT;
    } else if (map_count(&r->people) >= ROOM_PEOPLE_MAX) {
        error = STANZA_ERR_RESOURCE_CONSTRAINT;
    }
    if (error) {
        iq_refuse(walk, error, STR_NONE);
        return;
    }
    struct room_change *c = room_change_new(walk, r);
    struct registering *what = arena_zalloc(c->arena, sizeof *what);
    const struct person *known = room_person(r, bare);
    bool belonged = own >= AFFILIATION_MEMBER, gives_voice = config_is(&r->config, OPTION_MODERATED);
    what->person.jid = arena_dup(c->arena, bare);
    what->person.since_us = known && belonged ? known->since_us : walk->turn->wall_us;
    what->person.affiliation = is_leave ? AFFILIATION_NONE : belonged || gives_voice ? own : AFFILIATION_MEMBER;
    if (!is_leave) what->person.nick = arena_dup(c->arena, sound);
    if (is_leave && belonged && config_is(&r->config, OPTION_MEMBERS_ONLY))
        what->belonging = belonging_new(walk->turn, r, &r->config, c->arena, bare, BELONGS_NO_MORE, bare);
    c->what = what;
    c->write = nick_write;
    c->apply = nick_apply;
    room_change_submit(walk->turn, c);
}
