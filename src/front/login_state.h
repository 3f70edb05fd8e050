/*
 * login_state.h: what the three parts of a login share: its connection and stream (login.c), its proof (login_sasl.c), an account made
 * (login_register.c). For these files alone.
 */
#ifndef CONFAB_FRONT_LOGIN_STATE_H
#define CONFAB_FRONT_LOGIN_STATE_H

#include "base/check.h"
#include "front/login.h"
#include "front/throttle.h"
#include "xml/writer.h"
#include "xmpp/ns.h"
#include "xmpp/sasl.h"

enum { MINUTE_MS = 60000 };

enum login_step {
    STEP_IDLE,      /* between requests */
    STEP_LOOKUP,    /* the store looks for the credentials */
    STEP_CHALLENGE, /* the client's proof is awaited */
    STEP_WORK,      /* a worker derives keys */
    STEP_DELAY,     /* an answer waits for its time */
    STEP_DONE,      /* proven: on the way to its home */
};

enum mechanism { MECH_SCRAM_SHA_256, MECH_SCRAM_SHA_1, MECH_PLAIN, MECHANISMS };

struct login {
    struct link link; /* in gate->logins */
    struct gate *gate;
    struct peer *peer;
    struct loop_timer timer; /* the time it may take; or of a delayed answer */
    struct loop_deferred handover;
    int64_t deadline_ms;
    enum login_step step;
    enum mechanism mechanism;
    bool gone;                   /* its connection: it waits for its job alone */
    bool opened, sasl2, filling; /* filling in the form of a new account */
    uint8_t failures;
    unsigned jobs;
    struct scram scram;
    struct scram_keys keys;
    int64_t generation;  /* 0: nobody */
    char *bare;          /* whom it wants to be; malloc'd */
    char *from;          /* the stream's `from`, if it had one; malloc'd */
    char *request;       /* <authenticate/>, serialised; malloc'd */
    char *success;       /* SASL data of the success; malloc'd */
    struct str password; /* PLAIN: wiped after use */
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
/* The time of a slowed answer has come. */
void login_refuse_late(struct login *l);
void login_auth(struct login *l, const struct xml_node *el); /* SASL's <auth/>, SASL2's <authenticate/> */
void login_response(struct login *l, const struct xml_node *el);
void login_abort(struct login *l, const struct xml_node *el);

/* --- login_register.c --- */

/* An IQ before sign-in: registration (XEP-0077), or the end. */
void login_iq(struct login *l, const struct xml_node *el);

#endif
