/*
 * message.c: what is said in a room, and beside it (XEP-0045 sections 7.4 to 7.13 and 8.1). What is kept goes to the store at once, many in
 * flight, and is said in order after the commit, to all alike; what is not kept waits behind it. Its sender hears of its fate then.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "features/muc/room.h"
#include "im/archive.h"
#include "im/crossing.h"
#include "im/iq.h"
#include "im/router.h"
#include "store/archive.h"
#include "xml/writer.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

enum { INVITES_MAX = 100, SUBJECT_BYTES = 4096 /* each newcomer is given it */ };

/* One message from the request to its turn. */
struct saying {
    struct store_job job;
    struct link in_sending;
    struct room *room;
    struct origin origin;
    struct archive_entry entry;
    struct wire *wire; /* without its stanza-id */
    struct wire *kept; /* as it is archived */
    struct str subject, nick;
    bool is_subject, is_kept, is_done;
    int result;
    uint16_t sender_len;
    char text[]; /* the sender's full address, subject, nick */
};

static void saying_free(struct saying *say) {
    list_remove(&say->in_sending);
    wire_unref(&say->wire);
    wire_unref(&say->kept);
    free(say);
}

void room_forget_sending(struct room *r) {
    LIST_EACH (&r->sending, at, after) {
        struct saying *say = CONTAINER_OF(at, struct saying, in_sending);
        if (say->is_done) saying_free(say); /* else it is on its way back, and goes with that */
    }
}

static struct str sender_of(const struct saying *say) {
    return str_of(say->text, say->sender_len);
}

/* --- in its turn --- */

static void saying_fails(struct turn *turn, const struct saying *say) {
    struct room *r = say->room;
    LOG(LOG_ERROR, "room-archive-failed", F_STR("room", room_bare(r)), F_ERR("error", say->result));
    struct xml_node *el = xml_parse_own(turn->arena, arena_dup(turn->arena, str_of(say->wire->bytes, say->wire->len)));
    struct stanza stanza;
    if (!el) return;
    xml_set(turn->arena, el, STR("from"), sender_of(say));
    xml_set(turn->arena, el, STR("to"), room_bare(r));
    if (stanza_read(turn->arena, el, &stanza) != STANZA_ERR_NONE) return;
    router_send(turn,
                stanza_error_reply(turn->arena, &stanza, iq_error_of(say->result),
                                   STR("The message could not be stored. Try again later.")),
                stanza.from);
}

static void subject_set(struct room *r, const struct saying *say) {
    free(r->subject);
    free(r->subject_from);
    r->subject = strndup(say->subject.p, say->subject.len);
    r->subject_from = strndup(say->nick.p, say->nick.len);
    CHECK(r->subject && r->subject_from);
    r->subject_us = say->entry.in.sequence;
}

static void saying_said(struct turn *turn, struct saying *say) {
    struct room *r = say->room;
    int64_t sequence = say->entry.in.sequence;
    struct wire *wire = wire_ref(say->wire);
    if (say->is_kept) {
        struct str id = ARENA_CONCAT(turn->arena, STR("<stanza-id xmlns='"), NS_SID, STR("' by='"), room_bare(r),
                                     STR("' id='"), room_archive_id(turn, r, sequence), STR("'/>"));
        wire_unref(&wire);
        wire = wire_with_child(say->wire, id);
    }
    room_tell_all(turn, r, NULL, wire, NULL);
    if (say->is_subject) {
        subject_set(r, say);
    } else if (say->is_kept) {
        room_remember(turn, r, wire, sequence);
    }
    wire_unref(&wire);
}

static void sending_settle(struct turn *turn, struct room *r) {
    while (!list_empty(&r->sending)) {
        struct saying *say = CONTAINER_OF(r->sending.next, struct saying, in_sending);
        if (!say->is_done) break;
        enum fate fate = FATE_STORED;
        if (say->result == 0) {
            saying_said(turn, say);
        } else if (say->result == ERR_EXISTS) { /* sent again: it stands in the archive, and was said */
            fate = FATE_REPEATED;
        } else {
            saying_fails(turn, say);
            fate = FATE_REFUSED;
        }
        router_decided(turn, &say->origin, jid_trusted(sender_of(say)), 0, fate);
        saying_free(say);
    }
}

/* Writer thread. */
static int saying_run(struct db *db, struct store_job *job) {
    struct saying *say = (struct saying *)job;
    struct buf *bytes = db_scratch(db);
    wire_write(say->kept, STR_NONE, bytes);
    say->entry.stanza = buf_str(bytes);
    int err = archive_add(db, &say->entry);
    say->entry.stanza = STR_NONE;
    if (!err && say->is_subject)
        err = rooms_set_subject(db, -say->entry.in.account, say->subject, say->nick, say->entry.in.sequence);
    return err;
}

static void saying_done(struct turn *turn, struct store_job *job) {
    struct saying *say = (struct saying *)job;
    struct room *r = say->room;
    say->result = job->result;
    say->is_done = true;
    r->jobs--;
    if (say->result == 0) r->im->messages_kept++;
    sending_settle(turn, r);
    room_settle(turn, r);
}

/* --- saying it --- */

static struct saying *saying_new(struct walk *walk, struct room *r, const struct occupant *o, struct str subject) {
    struct str sender = jid_str(walk->stanza.from), nick = str_c(o->nick);
    struct saying *say = calloc(1, sizeof *say + sender.len + subject.len + nick.len);
    CHECK(say != NULL);
    list_init(&say->in_sending);
    say->room = r;
    say->origin = walk->origin;
    say->sender_len = (uint16_t)sender.len;
    memcpy(say->text, sender.p, sender.len);
    if (subject.len) memcpy(say->text + sender.len, subject.p, subject.len);
    memcpy(say->text + sender.len + subject.len, nick.p, nick.len);
    say->subject = str_of(say->text + sender.len, subject.len);
    say->nick = str_of(say->text + sender.len + subject.len, nick.len);
    return say;
}

static uint64_t origin_of(struct walk *walk, const struct room *r) {
    const struct xml_node *origin = xml_child(walk->stanza.el, NS_SID, STR("origin-id"));
    struct str id = origin ? xml_attr(origin, STR("id")) : STR_NONE;
    return archive_origin_hash(walk->turn->arena, walk->im->server->id_key, room_bare(r), id);
}

/* Where people's addresses are no secret the archive knows them, too (XEP-0313 section 5.1.1): to be shown to who may know. */
static struct wire *said_by(struct turn *turn, const struct room *r, const struct saying *say) {
    if (!str_eq(config_get(&r->config, OPTION_WHOIS), STR("anyone"))) return wire_ref(say->wire);
    struct xml_node *x = xml_new(turn->arena, NS_MUC_USER, STR("x"));
    struct xml_node *item = xml_add(turn->arena, x, STR_NONE, STR("item"));
    xml_set(turn->arena, item, STR("jid"), jid_bare_str(jid_trusted(sender_of(say))));
    return wire_with_child(say->wire, xml_string(turn->arena, x, STR_NONE));
}

static void say(struct walk *walk, struct room *r, const struct occupant *o, bool is_subject) {
    struct turn *turn = walk->turn;
    struct str subject =
        is_subject ? xml_child_text(turn->arena, walk->stanza.el, NS_CLIENT, STR("subject")) : STR_NONE;
    struct saying *say = saying_new(walk, r, o, subject);
    struct xml_node *el = room_own_copy(turn, walk->stanza.el);
    xml_set(turn->arena, el, STR("from"), occupant_address(turn, o));
    occupant_sign(turn, el, o);
    say->wire = wire_from(el);
    say->is_subject = is_subject;
    bool is_passing = xml_child(walk->stanza.el, NS_HINTS, STR("no-permanent-store"));
    say->is_kept = r->id && (is_subject || (!is_passing && archive_wants(walk->stanza.el)));
    list_append(&r->sending, &say->in_sending);
    if (!say->is_kept) {
        say->is_done = true;
        say->entry.in.sequence = turn->wall_us;
        sending_settle(turn, r);
        return;
    }
    say->kept = said_by(turn, r, say);
    say->entry.in.account = -r->id;
    say->entry.in.sequence = room_next_sequence(turn, r);
    say->entry.in.peer = jid_bare_str(jid_trusted(sender_of(say)));
    say->entry.in.flags = archive_flags(walk->stanza.el) & ARCHIVE_COUNTS;
    say->entry.origin = origin_of(walk, r);
    say->job.kind = STORE_WRITE;
    say->job.slot = r->slot;
    say->job.run = saying_run;
    say->job.done = saying_done;
    say->job.msg.bytes = (uint32_t)sizeof *say + say->wire->len;
    r->jobs++;
    store_submit(r->im->server->store, turn, &say->job);
}

/* What a refused message's sender waits for, too. */
static void refuse(struct walk *walk, enum stanza_error error, struct str text) {
    router_refuse(walk, error, text);
    router_decided(walk->turn, &walk->origin, walk->stanza.from, 0, FATE_REFUSED);
}

static void on_groupchat(struct walk *walk, struct room *r) {
    struct sitter *s = room_sitter(r, walk->stanza.from);
    const struct occupant *o = s ? s->occupant : NULL;
    bool is_subject = says_subject(walk->stanza.el);
    if (!jid_is_bare(walk->stanza.to)) {
        refuse(walk, STANZA_ERR_BAD_REQUEST, STR("What is for all goes to the room's own address."));
    } else if (!o) {
        refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("You are not in this room."));
    } else if (o->role == ROLE_VISITOR) {
        refuse(walk, STANZA_ERR_FORBIDDEN, STR("You may listen here, not speak."));
    } else if (is_subject && o->role < ROLE_MODERATOR && !config_is(&r->config, OPTION_CHANGE_SUBJECT)) {
        refuse(walk, STANZA_ERR_FORBIDDEN, STR("Only moderators change the subject here."));
    } else if (is_subject && walk->crossing->wire->len > SUBJECT_BYTES) {
        refuse(walk, STANZA_ERR_POLICY_VIOLATION, STR("That is too long for a subject."));
    } else {
        say(walk, r, o, is_subject);
    }
}

struct wire *subject_wire(struct turn *turn, const struct room *r) {
    struct arena *arena = turn->arena;
    struct xml_node *el = xml_new(arena, NS_CLIENT, STR("message"));
    bool by_nick = r->subject_from && *r->subject_from;
    xml_set(arena, el, STR("from"),
            by_nick ? ARENA_CONCAT(arena, room_bare(r), STR("/"), str_c(r->subject_from)) : room_bare(r));
    xml_set(arena, el, STR("type"), STR("groupchat"));
    struct xml_node *subject = xml_add(arena, el, STR_NONE, STR("subject"));
    if (r->subject) {
        xml_add_text(arena, subject, str_c(r->subject));
        struct xml_node *delay = xml_add(arena, el, NS_DELAY, STR("delay"));
        xml_set(arena, delay, STR("from"), room_bare(r));
        xml_set(arena, delay, STR("stamp"), datetime_format(arena, r->subject_us));
    }
    return wire_from(el);
}

void room_announce(struct turn *turn, struct room *r, const int *codes) {
    struct arena *arena = turn->arena;
    struct xml_node *el = xml_new(arena, NS_CLIENT, STR("message"));
    xml_set(arena, xml_set(arena, el, STR("from"), room_bare(r)), STR("type"), STR("groupchat"));
    struct xml_node *x = xml_add(arena, el, NS_MUC_USER, STR("x"));
    for (; *codes; codes++)
        xml_set(arena, xml_add(arena, x, STR_NONE, STR("status")), STR("code"), arena_printf(arena, "%d", *codes));
    struct wire *wire = wire_from(el);
    room_tell_all(turn, r, NULL, wire, NULL);
    wire_unref(&wire);
}

/* --- to one of them --- */

static bool may_write_privately(const struct room *r, enum role role) {
    struct str who = config_get(&r->config, OPTION_PRIVATE_MESSAGES);
    if (str_eq(who, STR("none"))) return false;
    return role >= (str_eq(who, STR("moderators"))     ? ROLE_MODERATOR
                    : str_eq(who, STR("participants")) ? ROLE_PARTICIPANT
                                                       : ROLE_VISITOR);
}

static void decided(struct walk *walk) {
    router_decided(walk->turn, &walk->origin, walk->stanza.from, 0, FATE_STORED);
}

/* From one occupant to all devices of another. */
static void pass_on(struct walk *walk, const struct occupant *from, struct occupant *to) {
    struct turn *turn = walk->turn;
    struct xml_node *el = room_own_copy(turn, walk->stanza.el);
    xml_set(turn->arena, el, STR("from"), occupant_address(turn, from));
    xml_add(turn->arena, el, NS_MUC_USER, STR("x"));
    occupant_sign(turn, el, from);
    struct wire *wire = wire_from(el);
    LIST_EACH (&to->sitters, at, after)
        room_tell(turn, CONTAINER_OF(at, struct sitter, in_occupant), SEATS_TELL, &wire, 1);
    wire_unref(&wire);
}

static void on_private(struct walk *walk, struct room *r) {
    struct sitter *s = room_sitter(r, walk->stanza.from);
    struct occupant *to = room_by_nick(r, jid_resource(walk->stanza.to));
    if (!s) {
        refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("You are not in this room."));
    } else if (!to) {
        refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR("Nobody here has that nick."));
    } else if (!may_write_privately(r, s->occupant->role)) {
        refuse(walk, STANZA_ERR_FORBIDDEN, STR("Private messages are switched off here."));
    } else {
        pass_on(walk, s->occupant, to);
        decided(walk);
    }
}

/* --- invitations (7.8.2), and what becomes of them --- */

static void with_reason(struct arena *arena, struct xml_node *to, const struct xml_node *from) {
    struct str reason = xml_child_text(arena, from, NS_MUC_USER, STR("reason"));
    if (str_some(reason)) xml_add_text(arena, xml_add(arena, to, STR_NONE, STR("reason")), reason);
}

static struct xml_node *invitation(struct walk *walk, const struct room *r, const struct xml_node *invite,
                                   struct jid to) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *told, *el = invitation_new(arena, room_bare(r), config_get(&r->config, OPTION_NAME),
                                                jid_bare_str(to), jid_bare_str(walk->stanza.from), &told);
    with_reason(arena, told, invite);
    if (walk->stanza.id.p) xml_set(arena, el, STR("id"), walk->stanza.id);
    if (config_is(&r->config, OPTION_PROTECTED)) {
        struct str secret = config_get(&r->config, OPTION_SECRET);
        struct xml_node *x = xml_child(el, NS_MUC_USER, STR("x")), *direct = xml_child(el, NS_CONFERENCE, STR("x"));
        xml_add_text(arena, xml_add(arena, x, STR_NONE, STR("password")), secret);
        xml_set(arena, direct, STR("password"), secret);
    }
    return el;
}

static bool is_invitable(struct walk *walk, const struct room *r, const struct xml_node *invite, struct jid *out_to) {
    if (jid_parse(walk->turn->arena, xml_attr(invite, STR("to")), out_to) != 0 || out_to->local_len == 0) {
        refuse(walk, STANZA_ERR_JID_MALFORMED, STR_NONE);
    } else if (router_target(walk->im, *out_to, JID_NONE) > TO_FULL) {
        refuse(walk, STANZA_ERR_REMOTE_SERVER_NOT_FOUND, STR_NONE);
    } else if (room_affiliation(r, jid_bare_str(*out_to)) == AFFILIATION_OUTCAST) {
        refuse(walk, STANZA_ERR_FORBIDDEN, STR("That one is banned here."));
    } else {
        return true;
    }
    return false;
}

/* Where only members may come in the invited become members first. All or none of them. */
static void on_invites(struct walk *walk, struct room *r, const struct xml_node *first) {
    struct jid to[INVITES_MAX];
    struct xml_node *invitations[INVITES_MAX];
    uint32_t count = 0;
    enum affiliation own = room_affiliation(r, jid_bare_str(walk->stanza.from));
    bool is_closed = config_is(&r->config, OPTION_MEMBERS_ONLY);
    bool may = own >= AFFILIATION_ADMIN || (!is_closed && config_is(&r->config, OPTION_INVITES));
    if (!room_sitter(r, walk->stanza.from)) {
        refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("You are not in this room."));
        return;
    }
    if (!may || !r->id) {
        refuse(walk, STANZA_ERR_FORBIDDEN, STR("Who may invite is up to the room's owners."));
        return;
    }
    for (const struct xml_node *invite = first; invite; invite = xml_again(invite)) {
        if (count == INVITES_MAX) {
            refuse(walk, STANZA_ERR_POLICY_VIOLATION, STR("Too many at once."));
            return;
        }
        if (!is_invitable(walk, r, invite, &to[count])) return;
        invitations[count] = invitation(walk, r, invite, to[count]);
        count++;
    }
    room_invite(walk, r, to, invitations, count, is_closed);
}

static void on_decline(struct walk *walk, struct room *r, const struct xml_node *decline) {
    struct jid to;
    decided(walk);
    if (jid_parse(walk->turn->arena, xml_attr(decline, STR("to")), &to) != 0) return;
    struct occupant *o = room_by_bare(r, jid_bare_str(to));
    if (!o) return; /* who has asked is gone; and nobody is told of others */
    struct arena *arena = walk->turn->arena;
    struct xml_node *el = xml_new(arena, NS_CLIENT, STR("message"));
    xml_set(arena, xml_set(arena, el, STR("from"), room_bare(r)), STR("id"), walk->stanza.id);
    struct xml_node *told = xml_add(arena, xml_add(arena, el, NS_MUC_USER, STR("x")), STR_NONE, STR("decline"));
    xml_set(arena, told, STR("from"), jid_bare_str(walk->stanza.from));
    with_reason(arena, told, decline);
    struct wire *wire = wire_from(el);
    LIST_EACH (&o->sitters, at, after)
        room_tell(walk->turn, CONTAINER_OF(at, struct sitter, in_occupant), SEATS_TELL, &wire, 1);
    wire_unref(&wire);
}

/* --- a voice, please (7.13, 8.6) --- */

#define REQUEST_TYPE STR("http://jabber.org/protocol/muc#request")

static void voice_ask(struct walk *walk, struct room *r, const struct sitter *s) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *el = xml_new(arena, NS_CLIENT, STR("message"));
    xml_set(arena, el, STR("from"), room_bare(r));
    struct xml_node *form = form_new(arena, STR("form"), REQUEST_TYPE);
    form_add(arena, form, STR("list-single"), STR("muc#role"), STR("participant"));
    form_add(arena, form, STR("jid-single"), STR("muc#jid"), str_of(s->full, s->len));
    form_add(arena, form, STR("text-single"), STR("muc#roomnick"), str_c(s->occupant->nick));
    form_add(arena, form, STR("boolean"), STR("muc#request_allow"), STR("false"));
    xml_append(el, form);
    struct wire *wire = wire_from(el);
    LIST_EACH (&r->occupants, at, after) {
        struct occupant *o = CONTAINER_OF(at, struct occupant, in_room);
        if (o->role != ROLE_MODERATOR) continue;
        LIST_EACH (&o->sitters, in, then)
            room_tell(walk->turn, CONTAINER_OF(in, struct sitter, in_occupant), SEATS_TELL, &wire, 1);
    }
    wire_unref(&wire);
}

static void on_voice(struct walk *walk, struct room *r, const struct xml_node *form) {
    struct arena *arena = walk->turn->arena;
    struct sitter *s = room_sitter(r, walk->stanza.from);
    const struct xml_node *nick = form_field(form, STR("muc#roomnick")),
                          *yes = form_field(form, STR("muc#request_allow"));
    if (!s) {
        refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("You are not in this room."));
        return;
    }
    if (s->occupant->role < ROLE_MODERATOR && nick) {
        refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
        return;
    }
    if (s->occupant->role == ROLE_VISITOR) voice_ask(walk, r, s);
    struct str allow = yes ? form_value(arena, yes) : STR_NONE;
    struct occupant *o = nick && s->occupant->role == ROLE_MODERATOR ? room_by_nick(r, form_value(arena, nick)) : NULL;
    if (o && o->role == ROLE_VISITOR && (str_eq(allow, STR("true")) || str_eq(allow, STR("1")))) {
        o->role = ROLE_PARTICIPANT;
        occupant_show(walk->turn, o, NULL);
    }
    decided(walk);
}

/* --- all of it --- */

/* Errors that say that nobody is there any more; others are of one message (which somebody may have made to cause them). */
static bool says_gone(const struct xml_node *el) {
    static const struct str conditions[] = {STR_INIT("gone"),
                                            STR_INIT("item-not-found"),
                                            STR_INIT("recipient-unavailable"),
                                            STR_INIT("remote-server-not-found"),
                                            STR_INIT("remote-server-timeout"),
                                            {NULL, 0}};
    const struct xml_node *error = xml_child(el, NS_CLIENT, STR("error"));
    for (const struct str *c = conditions; error && c->p; c++) {
        if (xml_child(error, NS_STANZA_ERRORS, *c)) return true;
    }
    return false;
}

void message_on(struct walk *walk, struct room *r) {
    const struct xml_node *el = walk->stanza.el, *x = xml_child(el, NS_MUC_USER, STR("x")),
                          *form = xml_child(el, NS_DATA, STR("x"));
    const struct xml_node *invite = x ? xml_child(x, NS_MUC_USER, STR("invite")) : NULL,
                          *decline = x ? xml_child(x, NS_MUC_USER, STR("decline")) : NULL;
    if (walk->stanza.type == MESSAGE_GROUPCHAT) {
        on_groupchat(walk, r);
    } else if (walk->stanza.type == MESSAGE_ERROR) {
        struct sitter *s = room_sitter(r, walk->stanza.from);
        if (s && says_gone(el)) sitter_is_ghost(walk->turn, s);
    } else if (!jid_is_bare(walk->stanza.to)) {
        on_private(walk, r);
    } else if (decline) {
        on_decline(walk, r, decline);
    } else if (form && str_eq(form_type(walk->turn->arena, form), REQUEST_TYPE)) {
        on_voice(walk, r, form);
    } else if (invite) {
        on_invites(walk, r, invite);
    } else {
        refuse(walk, STANZA_ERR_BAD_REQUEST, STR("What is for all is of type groupchat."));
    }
}
