/*
 * login_state.h: what the three parts of a login share: its connection and stream (login.c), its proof (login_sasl.c), an account made
 * (login_register.c). For these files alone.
 */
#ifndef CONFAB_FRONT_LOGIN_STATE_H
#define CONFAB_FRONT_LOGIN_STATE_H

#include "base/check.h"
#include "front/login.h"
#include "front/throttle.h"
#include "store/accounts.h"
#include "store/clients.h"
#include "xml/writer.h"
#include "xmpp/ht.h"
#include "xmpp/ns.h"
#include "xmpp/sasl.h"

enum { MINUTE_MS = 60000 };

enum { UPGRADES = 2 }; /* tasks of login_upgrade.c */

enum login_step {
    STEP_IDLE,      /* between requests */
    STEP_LOOKUP,    /* the store looks for the credentials */
    STEP_CHALLENGE, /* the client's proof is awaited */
    STEP_WORK,      /* a worker derives keys, or stores them */
    STEP_TASK,      /* proven; the client is to begin a task (XEP-0480) */
    STEP_TASK_DATA, /* its answer to the task is awaited */
    STEP_DELAY,     /* an answer waits for its time */
    STEP_DONE,      /* proven: on the way to its home */
};

enum mechanism {
    MECH_SCRAM_SHA_256_PLUS,
    MECH_SCRAM_SHA_256,
    MECH_SCRAM_SHA_1_PLUS,
    MECH_SCRAM_SHA_1,
    MECH_PLAIN,
    MECHANISMS
};
enum binding {
    BINDING_EXPORTER,
    BINDING_END_POINT,
    BINDINGS,
    BINDING_UNIQUE = BINDINGS, /* taken, not announced: slixmpp to 1.8 and others know no other, and never fall back */
    BINDINGS_TAKEN
};

struct login {
    struct link link; /* in gate->logins */
    struct gate *gate;
    struct peer *peer;
    struct loop_timer timer; /* the time it may take; or of a delayed answer */
    struct loop_deferred handover;
    int64_t since_ms, deadline_ms;
    enum login_step step;
    enum mechanism mechanism;
    bool gone;                   /* its connection: it waits for its job alone */
    bool opened, sasl2, filling; /* filling in the form of a new account */
    uint8_t failures, bindings;  /* bindings: set of enum binding */
    unsigned jobs;
    struct scram scram;
    struct scram_keys keys;
    bool fast;            /* the proof is a token's (XEP-0484) */
    enum ht_mechanism ht; /* of that */
    uint8_t proof[HT_PROOF_LEN];
    struct client_row client; /* the device that it says it is (im/devices.h), and what is known of it */
    int64_t looked_us;        /* when that was */
    int64_t account;          /* its number */
    int64_t token_us;         /* of the token that was proven; 0: a password was */
    int64_t generation;       /* 0: nobody */
    char *bare;               /* whom it wants to be; malloc'd */
    char *from;               /* the stream's `from`, if it had one; malloc'd */
    char *request;            /* <authenticate/>, serialised; malloc'd */
    char *success;            /* SASL data of the success, bytes; malloc'd */
    size_t success_len;
    struct str password; /* PLAIN: wiped after use */
    uint8_t upgrades;    /* those that are due: set of tasks */
    struct scram_keys
        *upgraded; /* UPGRADES of them (iterations 0: not of that hash), wiped; NULL: nothing was derived */
    char lang[12];
};

static inline struct turn *login_turn(const struct login *l) {
    return shard_turn(l->gate->place);
}

static inline const struct options *login_options(const struct login *l) {
    return &l->gate->server->options;
}

/* --- login.c --- */

/* Wipes what this attempt to sign in has gathered. */
void login_forget_attempt(struct login *l);
/* Frees it when its connection has gone and no job of its is at the store: who ends a job calls it. */
void login_release(struct login *l);
void login_end(struct login *l, enum stream_error error, struct str text);
void login_write(struct login *l, const struct xml_node *el);
/* Nobody else can read along: TLS, or the loopback that the operator trusts. */
bool login_is_secret(const struct login *l);
/* Proven. data: what the mechanism adds to the success, or STR_NONE. The connection goes to its home at the end of this turn. */
void login_succeed(struct login *l, struct str data);

/* --- login_sasl.c --- */

/* <mechanism/> elements of `ns`, those that this connection may use. */
void login_add_mechanisms(const struct login *l, struct arena *arena, struct xml_node *parent, struct str ns);
bool login_offers(const struct login *l, enum mechanism mechanism);
/* The mechanism offered here whose name comes next in the order of octets; NULL: none. "" begins. */
const char *login_offered_after(const struct login *l, const char *after);
/* `name` as the client wrote it, and on whose behalf it wants to act: the store is asked, then the mechanism goes on. */
void login_find(struct login *l, struct str name, struct str authzid);
void login_refuse(struct login *l, const char *condition);
/* Not proven: the answer may be slowed. */
void login_fail(struct login *l);
/* The time of a slowed answer has come. */
void login_refuse_late(struct login *l);
void login_auth(struct login *l, const struct xml_node *el); /* SASL's <auth/>, SASL2's <authenticate/> */
void login_response(struct login *l, const struct xml_node *el);
void login_abort(struct login *l, const struct xml_node *el);

/* --- login_binding.c --- */

/* Finds out which there are: when a stream is opened. */
void login_look_at_tls(struct login *l);
bool login_has_binding(const struct login *l, enum binding binding);
bool login_has_bindings(const struct login *l);
/* Its data, in the turn's arena; STR_NONE: there is none. */
struct str login_binding(const struct login *l, enum binding binding);
/* The one of that name, if it is taken here. */
bool login_binding_named(const struct login *l, struct str name, enum binding *out);
/* XEP-0440, if there is any. */
void login_add_bindings(const struct login *l, struct arena *arena, struct xml_node *features);
/* What SCRAM's challenge says of the offer. */
struct str login_extensions(const struct login *l, enum hash hash);

/* --- login_fast.c --- */

/* <fast/> of the features. */
void login_add_fast(const struct login *l, struct arena *arena, struct xml_node *parent);
/* A mechanism of tokens that is offered here: it is the attempt's. */
bool login_fast_named(struct login *l, struct str name);
void login_fast(struct login *l, const struct xml_node *el, struct str message);
/* The store has answered. */
void login_fast_check(struct login *l);

/* --- login_upgrade.c --- */

/* <upgrade/> elements of the features: the same for everybody. */
void login_add_upgrades(const struct login *l, struct arena *arena, struct xml_node *authentication);
/* The tasks that the client asks for. */
void login_upgrades_asked(struct login *l, const struct xml_node *authenticate);
/* Of those asked for, what this account is in need of stays. */
void login_upgrades_needed(struct login *l, const struct account_row *row);
/* Worker: keys for what is due (UPGRADES of them, malloc'd), from a password that was proven. */
struct scram_keys *upgrades_derive(uint8_t due, unsigned iterations, struct str password);
/* Wipes and frees them, if there are any; leaves NULL. */
void upgrades_forget(struct scram_keys **keys);
/* Proven: the tasks first, if any are due, then success with `data`. */
void login_upgrade(struct login *l, struct str data);
void login_next(struct login *l, const struct xml_node *el);
void login_task_data(struct login *l, const struct xml_node *el);

/* --- login_register.c --- */

/* An IQ before sign-in: registration (XEP-0077), or the end. */
void login_iq(struct login *l, const struct xml_node *el);

#endif
