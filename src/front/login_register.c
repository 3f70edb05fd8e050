/* login_register.c: an account made before sign-in (XEP-0077), if the operator lets strangers do that; the stream then goes on. */
#include <stdlib.h>

#include "base/err.h"
#include "front/login_state.h"
#include "im/accounts_admin.h"
#include "xmpp/form.h"

enum { FORM_MS = 5 * MINUTE_MS };

struct registering {
    struct login *login;
    char *id;
};

static void register_refuse(struct login *l, const struct stanza *s, enum stanza_error error, struct str text) {
    struct xml_node *reply = stanza_error_reply(login_turn(l)->arena, s, error, text);
    login_write(l, reply);
}

static void register_result(struct login *l, struct str id, struct xml_node *payload) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *result = xml_new(arena, NS_CLIENT, STR("iq"));
    xml_set(arena, result, STR("type"), STR("result"));
    xml_set(arena, result, STR("id"), id);
    if (payload) xml_append(result, payload);
    login_write(l, result);
}

static void register_field(struct arena *arena, struct xml_node *x, const char *type, const char *name,
                           const char *label) {
    struct xml_node *field = form_add(arena, x, str_c(type), str_c(name), STR_NONE);
    xml_set(arena, field, STR("label"), str_c(label));
    xml_add(arena, field, NS_DATA, STR("required"));
}

/* A person reads the form and thinks of a name and a password while the stream stands (in Gajim): once, more time than a program needs. */
static void register_patience(struct login *l) {
    int64_t until_ms = login_turn(l)->now_ms + FORM_MS;
    if (l->filling || until_ms < l->deadline_ms) return;
    l->filling = true;
    l->deadline_ms = until_ms;
    loop_timer_set(l->gate->place->loop, &l->timer, l->deadline_ms);
}

/* Both the plain fields and a data form (section 4): there are clients that know only the one (Dino: only the form). */
static void register_form(struct login *l, const struct stanza *s) {
    struct arena *arena = login_turn(l)->arena;
    struct xml_node *query = xml_new(arena, NS_REGISTER, STR("query"));
    struct str instructions = STR("Choose a name and a password.");
    xml_add_text(arena, xml_add(arena, query, STR_NONE, STR("instructions")), instructions);
    xml_add(arena, query, STR_NONE, STR("username"));
    xml_add(arena, query, STR_NONE, STR("password"));
    struct xml_node *x = form_new(arena, STR("form"), NS_REGISTER);
    xml_add_text(arena, xml_add(arena, x, NS_DATA, STR("instructions")), instructions);
    register_field(arena, x, "text-single", "username", "Name");
    register_field(arena, x, "text-private", "password", "Password");
    xml_append(query, x);
    register_result(l, s->id, query);
    register_patience(l);
}

/* What the visitor filled in: the form if there is one (it goes before the plain fields, section 4), STR_NONE where nothing is. */
static struct str register_value(struct arena *arena, const struct xml_node *query, struct str name) {
    const struct xml_node *x = xml_child(query, NS_DATA, STR("x"));
    if (!x) return xml_child_text(arena, query, NS_REGISTER, name);
    struct str type = form_type(arena, x);
    if (!str_eq(xml_attr(x, STR("type")), STR("submit")) || (type.p && !str_eq(type, NS_REGISTER))) return STR_NONE;
    return form_value(arena, form_field(x, name));
}

static void on_registered(struct turn *turn, void *arg, int err) {
    struct registering *r = arg;
    struct login *l = r->login;
    l->jobs--;
    if (l->gone) {
        login_release(l);
    } else {
        struct stanza s = {.kind = STANZA_IQ, .type = IQ_SET, .id = arena_dup(turn->arena, str_c(r->id))};
        l->step = STEP_IDLE;
        if (err == 0) {
            register_result(l, s.id, NULL);
        } else if (err == ERR_EXISTS) {
            register_refuse(l, &s, STANZA_ERR_CONFLICT, STR("That name is taken."));
        } else if (err == ERR_INVALID) {
            register_refuse(l, &s, STANZA_ERR_NOT_ACCEPTABLE, STR("That password cannot be used."));
        } else {
            register_refuse(l, &s, STANZA_ERR_INTERNAL_SERVER_ERROR, STR_NONE);
        }
    }
    free(r->id);
    free(r);
}

/* Rates: by address and in all, each hour. */
static bool register_may(struct login *l) {
    const struct options *o = login_options(l);
    struct peer_facts facts;
    char name[40];
    if (!o->rates) return true;
    l->peer->ops->facts(l->peer, &facts);
    int64_t now_ms = login_turn(l)->now_ms, hour_ms = 60 * MINUTE_MS;
    struct str prefix = throttle_prefix(name, 'r', &facts.address, false);
    if ((throttle_look(l->gate->throttle, STR("r"), hour_ms, now_ms) + 500) / 1000 >= o->registrations_total_per_hour)
        return false;
    if ((throttle_look(l->gate->throttle, prefix, hour_ms, now_ms) + 500) / 1000 >= o->registrations_per_hour)
        return false;
    throttle_count(l->gate->throttle, STR("r"), hour_ms, now_ms);
    throttle_count(l->gate->throttle, prefix, hour_ms, now_ms);
    return true;
}

static void register_set(struct login *l, const struct stanza *s) {
    struct turn *turn = login_turn(l);
    struct str name = register_value(turn->arena, s->payload, STR("username"));
    struct str password = register_value(turn->arena, s->payload, STR("password"));
    struct str bare;
    int err = str_some(name) && str_some(password) ? registration_check(l->gate->server, turn->arena, name, &bare)
                                                   : ERR_INVALID;
    if (l->step != STEP_IDLE) {
        register_refuse(l, s, STANZA_ERR_UNEXPECTED_REQUEST, STR_NONE);
    } else if (err == ERR_DENIED) {
        register_refuse(l, s, STANZA_ERR_CONFLICT, STR("That name is reserved."));
    } else if (err) {
        register_refuse(l, s, STANZA_ERR_NOT_ACCEPTABLE, STR("A name and a password are needed."));
    } else if (!register_may(l)) {
        register_refuse(l, s, STANZA_ERR_RESOURCE_CONSTRAINT, STR("Too many new accounts. Try again later."));
    } else {
        struct registering *r = calloc(1, sizeof *r);
        CHECK(r != NULL);
        r->login = l;
        r->id = strndup(s->id.p, s->id.len);
        l->step = STEP_WORK;
        l->jobs++;
        account_create_submit(turn, l->gate->server, bare, password, (unsigned)login_options(l)->iterations,
                              on_registered, r);
    }
}

void login_iq(struct login *l, const struct xml_node *el) {
    struct turn *turn = login_turn(l);
    struct stanza s;
    enum stanza_error error = stanza_read(turn->arena, el, &s);
    s.from = s.to = JID_NONE;
    bool is_register = !error && s.payload && xml_is(s.payload, NS_REGISTER, STR("query"));
    if (!is_register || stanza_is_answer(&s) || !login_is_secret(l)) {
        login_end(l, STREAM_ERR_NOT_AUTHORIZED, STR("Sign in first."));
    } else if (login_options(l)->registration != REGISTRATION_OPEN) {
        register_refuse(l, &s, STANZA_ERR_NOT_ALLOWED, STR("This server does not take registrations."));
    } else if (s.type == IQ_GET) {
        register_form(l, &s);
    } else {
        register_set(l, &s);
    }
}
