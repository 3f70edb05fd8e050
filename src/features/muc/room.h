/*
 * room.h: one room (XEP-0045) in memory, on its home: loaded by the first stanza for it, gone when nobody sits there. All that it sends
 * goes through the FIFO of each shard (im/seats.h), so everybody sees the same order. What is kept is said after its commit; what
 * changes who may do what waits until nothing older is in flight, and the rest behind it.
 */
#ifndef CONFAB_FEATURES_MUC_ROOM_H
#define CONFAB_FEATURES_MUC_ROOM_H

#include "im/hook.h"
#include "im/im.h"
#include "im/seats.h"
#include "store/rooms.h"
#include "xmpp/rsm.h"

enum {
    ROOM_PEOPLE_MAX = 20000 /* with an affiliation, or a nick of their own */,
    ROOM_REASON_MAX = 1000 /* bytes; a longer one is left out */
};
enum role { ROLE_NONE, ROLE_VISITOR, ROLE_PARTICIPANT, ROLE_MODERATOR };

/* --- settings (config.c) --- */

enum room_option {
    OPTION_NAME,
    OPTION_DESCRIPTION,
    OPTION_LANGUAGE,
    OPTION_PUBLIC,
    OPTION_PERSISTENT,
    OPTION_MEMBERS_ONLY,
    OPTION_MODERATED,
    OPTION_WHOIS,
    OPTION_PROTECTED,
    OPTION_SECRET,
    OPTION_CHANGE_SUBJECT,
    OPTION_INVITES,
    OPTION_PRIVATE_MESSAGES,
    OPTION_MEMBER_LIST,
    OPTION_MAX_USERS,
    OPTION_HISTORY,
    OPTION_PAST,
    OPTION_BROADCAST,
    OPTIONS
};

struct config {
    char *values[OPTIONS]; /* each malloc'ed; NULL: its default */
};
void config_free(struct config *c);
struct str config_get(const struct config *c, enum room_option option);
static inline bool config_is(const struct config *c, enum room_option option) {
    return str_eq(config_get(c, option), STR("1"));
}
uint32_t config_number(const struct config *c, enum room_option option);
/* As lines "var=value"; and back: what is not known or not sound keeps its default. */
void config_write(const struct config *c, struct buf *out);
void config_read(struct config *c, struct str text);
/* The form for owners, as it stands. */
struct xml_node *config_form(struct arena *arena, const struct config *c);
/* What a submitted form says over what `from` says. ERR_INVALID, with what is wrong; out is untouched then. */
int config_submit(struct arena *arena, const struct config *from, const struct xml_node *form, struct config *out,
                  struct str *out_wrong);

/* --- people --- */

/* Who is something there, by bare address or domain. */
struct person {
    enum affiliation affiliation;
    int64_t since_us; /* as in struct room_person */
    uint16_t jid_len, nick_len, reason_len;
    char text[];
};
static inline struct str person_jid(const struct person *p) {
    return str_of(p->text, p->jid_len);
}
static inline struct str person_nick(const struct person *p) {
    return str_of(p->text + p->jid_len, p->nick_len);
}
static inline struct str person_reason(const struct person *p) {
    return str_of(p->text + p->jid_len + p->nick_len, p->reason_len);
}

struct sitter {
    struct link in_occupant;
    struct occupant *occupant;
    uint16_t len;
    char full[];
};

/* Somebody with a nick, on one or more devices. */
struct occupant {
    struct link in_room;
    struct link sitters; /* of struct sitter; none: somebody who is about to leave */
    struct room *room;
    uint32_t number; /* never 0 */
    enum role role;
    char *nick;
    char *bare;                 /* whose */
    struct buf shows;           /* what it says in its presence, as it came, without what only a room may say */
    struct wire *closed, *open; /* its presence for newcomers: without and with its address */
};

/* What was said last, for who comes. */
struct said {
    int64_t sequence;
    struct wire *wire; /* with its delay */
};

struct room {
    struct im *im;
    uint16_t slot;
    bool is_loaded, failed;
    bool
        is_locked; /* made by somebody who has not said yet what it shall be: nobody else comes in, nothing of it is stored */
    bool is_changing; /* a change is at the store: all else waits */
    bool is_gone;     /* destroyed */
    unsigned jobs;
    int64_t id; /* 0: there is no such room (yet) */
    struct config config;
    char *subject, *subject_from; /* NULL: none */
    int64_t subject_us;
    struct map people;   /* jid -> struct person */
    struct map reserved; /* nick -> struct person */
    struct map nicks;    /* nick -> struct occupant */
    struct map bares;    /* bare address -> struct occupant */
    struct map fulls;    /* full address -> struct sitter */
    struct link occupants;
    uint32_t occupant_count, numbers;
    uint32_t sitters_at[PLACES_MAX]; /* by shard */
    int64_t last_sequence;
    struct link sending; /* messages at the store, in order (message.c) */
    struct msg *waiting, **waiting_end;
    struct loop_deferred settling;
    struct said *history; /* a ring */
    uint32_t history_cap, history_count, history_head;
    size_t history_bytes;
    uint16_t local_len, bare_len;
    char bare[];
};

static inline struct str room_bare(const struct room *r) {
    return str_of(r->bare, r->bare_len);
}
static inline struct str room_local(const struct room *r) {
    return str_of(r->bare, r->local_len);
}
static inline bool room_exists(const struct room *r) {
    return (r->id || r->is_locked) && !r->is_gone;
}

/* --- room.c --- */

/* The walk's room, loaded; NULL: it waits for it (the crossing is taken). */
struct room *room_need(struct walk *walk);
/* True: the walk waits until what is in flight is decided (the crossing is taken). */
bool room_is_busy(struct room *r, struct walk *walk);
/* An occupant has left: a room that was only to be made, or is not to stay, goes with the last. */
void room_emptied(struct turn *turn, struct room *r);
/* As if it had never been: after its end. */
void room_reset(struct room *r);
/* What waited goes on, as far as it may; an empty room leaves memory. */
void room_settle(struct turn *turn, struct room *r);
void rooms_stop(struct im *im);
/* What the feature does with a stanza (muc.c). */
void room_take(struct walk *walk, struct room *r);

struct person *room_person(const struct room *r, struct str jid); /* NULL: nothing is known of it */
enum affiliation room_affiliation(const struct room *r, struct str bare);
uint32_t room_owners(const struct room *r);
void room_person_set(struct room *r, const struct room_person *person);
struct str affiliation_name(enum affiliation a);
struct str role_name(enum role role);
/* False: no such word. */
bool affiliation_of(struct str name, enum affiliation *out);
bool role_of(struct str name, enum role *out);
/* That an affiliation brings along. */
enum role room_role_for(const struct room *r, enum affiliation a);

struct sitter *room_sitter(const struct room *r, struct jid full);
struct occupant *room_by_nick(const struct room *r, struct str nick);
struct occupant *room_by_bare(const struct room *r, struct str bare);
struct occupant *occupant_new(struct room *r, struct str nick, struct str bare, enum role role);
struct sitter *occupant_sit(struct occupant *o, struct jid full);
/* Takes the sitter away; the occupant stays, if with nobody. */
void sitter_leave(struct turn *turn, struct sitter *s);
void occupant_free(struct occupant *o);
void occupant_rename(struct occupant *o, struct str nick);
bool occupant_is_trusted(const struct occupant *o);

/* Strictly rising, near the wall clock. */
int64_t room_next_sequence(struct turn *turn, struct room *r);
struct str room_archive_id(struct turn *turn, const struct room *r, int64_t sequence);
/* To all who sit there, but `but` (NULL: nobody is left out); open NULL: all get the same. */
void room_tell_all(struct turn *turn, struct room *r, const struct occupant *but, struct wire *closed,
                   struct wire *open);
/* To those alone who may know who people are. */
void room_tell_trusted(struct turn *turn, struct room *r, struct wire *wire);
void room_tell(struct turn *turn, const struct sitter *s, enum seats_order order, struct wire *const *wires,
               uint32_t count);
/* A message that was said: at its place in what newcomers are given. */
void room_remember(struct turn *turn, struct room *r, struct wire *said, int64_t sequence);

/* One change at a time, in one transaction; then `done` on the room's home, with what became of it. Nothing else moves meanwhile. */
struct room_change {
    struct store_job job;
    struct room *room;
    int (*write)(struct db *db, struct room_change *change);
    void (*apply)(struct turn *turn, struct room_change *change, int result); /* frees it with room_change_free */
    struct iq_later *later;                                                   /* who asked; NULL: nobody waits */
    struct arena *arena;
    void *what;
};
struct room_change *room_change_new(struct walk *walk, struct room *r);
void room_change_submit(struct turn *turn, struct room_change *change);
void room_change_free(struct room_change *change);

/* --- presence.c --- */

/* What is said beside an occupant's own words. */
struct remark {
    enum role role;   /* ROLE_NONE: it is unavailable */
    const int *codes; /* ended by 0; NULL: none */
    struct str nick;  /* the new one */
    struct str actor, reason;
    const struct xml_node *destroy; /* of the room */
};
void presence_on(struct walk *walk, struct room *r);
/* The occupant as it is now, for all; `but` NULL: with itself. */
void occupant_show(struct turn *turn, struct occupant *o, const int *codes);
/* It is out: told to all and itself, with why; freed. */
void occupant_expel(struct turn *turn, struct occupant *o, const struct remark *remark);
/* No word came back from this device any more: it is taken out. */
void sitter_is_ghost(struct turn *turn, struct sitter *s);
/* Somebody else has that nick, or has reserved it: the error; else STANZA_ERR_NONE. */
enum stanza_error nick_refused(const struct room *r, struct str nick, struct str bare);
/* A stanza as the room passes it on: without `to` and what only a room may say. */
struct xml_node *room_own_copy(struct turn *turn, const struct xml_node *el);
struct str occupant_address(struct turn *turn, const struct occupant *o);
/* <occupant-id/> (XEP-0421). */
void occupant_sign(struct turn *turn, struct xml_node *el, const struct occupant *o);
/* It has another affiliation: another role, or none. */
void occupant_affiliated(struct turn *turn, struct occupant *o, enum affiliation a, struct str actor,
                         struct str reason);

/* --- message.c --- */

void message_on(struct walk *walk, struct room *r);
/* From the room itself, of no lasting importance: status codes for all. */
void room_announce(struct turn *turn, struct room *r, const int *codes);
/* It changes the subject, and says nothing else (section 8.1). */
bool says_subject(const struct xml_node *message);
struct wire *subject_wire(struct turn *turn, const struct room *r);
void room_forget_sending(struct room *r);

/* --- belong.c --- */

/* What a room owes an account: that it belongs to a group, or no longer. */
struct belonging {
    struct str to, stanza; /* STR_NONE: nothing is owed */
    int64_t number;
};
enum belonging_kind { BELONGS, BELONGS_AND_INVITED /* it is told of it otherwise, too */, BELONGS_NO_MORE };
/* `by`: who has made it so, bare. In `arena`. Nothing is owed to who has no account here. */
struct belonging belonging_new(struct turn *turn, const struct room *r, const struct config *config,
                               struct arena *arena, struct str to, enum belonging_kind kind, struct str by);
/* A mediated invitation (section 7.8.2) from that room, of that name (it may have none); its <invite/>. Borrows. */
struct xml_node *invitation_new(struct arena *arena, struct str room, struct str name, struct str to, struct str by,
                                struct xml_node **out_invite);
/* Writer thread: in the transaction of its cause. */
int belonging_write(struct db *db, const struct room *r, const struct belonging *b);
/* After the commit. */
void belonging_send(struct turn *turn, const struct belonging *b);
/* At the account: IN, IQ, CHECK. */
enum verdict belonging_arrived(struct walk *walk);

/* --- past.c --- */

/* What was said is for that one at all; */
bool room_past_is_for(const struct room *r, struct jid full);
/* and from when on, by its bare address: 0: all of it; INT64_MAX: nothing. */
int64_t room_past_from(const struct room *r, struct str bare);
void past_on_query(struct walk *walk, struct room *r);
void past_on_form(struct walk *walk, struct room *r);

/* --- request.c --- */

void iq_on(struct walk *walk, struct room *r);
struct occupant *asker_of(const struct walk *walk, const struct room *r); /* NULL: it is not in the room */
enum affiliation asker_affiliation(const struct walk *walk, const struct room *r);
/* Which page (XEP-0059) is asked for, with a sound max; false: it is refused. */
bool page_read(struct walk *walk, struct rsm_query *out);
/* Answers with a page of occupants in the order in which they came, each added by `add`. ROLE_NONE: of all roles. */
void list_occupants(struct walk *walk, struct room *r, struct xml_node *query, enum role role,
                    void (*add)(struct turn *turn, struct xml_node *query, const struct occupant *o));

/* --- info.c --- */

void on_disco_info(struct walk *walk, struct room *r);
void on_items(struct walk *walk, struct room *r);
/* To the address of the service itself. */
void service_iq_on(struct walk *walk);

/* --- register.c --- */

void on_register_get(struct walk *walk, struct room *r);
void on_register_set(struct walk *walk, struct room *r);

/* --- admin.c --- */

void on_admin_get(struct walk *walk, struct room *r);
void on_admin_set(struct walk *walk, struct room *r);
/*
 * Invitations (elements to those people) go out, and the walk's message is decided; where members alone come in (`admits`) who is not one
 * becomes one first, in one change.
 */
void room_invite(struct walk *walk, struct room *r, const struct jid *people, struct xml_node *const *invitations,
                 uint32_t count, bool admits);

/* --- owner.c --- */

void on_owner_get(struct walk *walk, struct room *r);
void on_owner_set(struct walk *walk, struct room *r);
/* It is removed from the database, then everybody is told. `destroy`: what they are told; NULL: nobody is there. `walk` NULL: nobody asked. */
void room_end(struct walk *walk, struct turn *turn, struct room *r, const struct xml_node *destroy);

#endif
