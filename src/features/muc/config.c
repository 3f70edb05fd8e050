/* config.c: the settings of a room: one table makes the form, reads it and stores it. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "features/muc/room.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

#define CONFIG_TYPE STR("http://jabber.org/protocol/muc#roomconfig")

struct option {
    struct str var, type, label, otherwise;
    const struct str *choices; /* of a list: value, label, ... ended by STR_NONE */
    unsigned max;              /* bytes; of a number: the largest */
};

static const struct str whois_choices[] = {
    STR_INIT("moderators"), STR_INIT("Moderators"), STR_INIT("anyone"), STR_INIT("Everybody in the room"), {NULL, 0}};
static const struct str pm_choices[] = {STR_INIT("anyone"),       STR_INIT("Everybody"),  STR_INIT("participants"),
                                        STR_INIT("Participants"), STR_INIT("moderators"), STR_INIT("Moderators"),
                                        STR_INIT("none"),         STR_INIT("Nobody"),     {NULL, 0}};
static const struct str past_choices[] = {
    STR_INIT("all"), STR_INIT("All of it"), STR_INIT("joined"), STR_INIT("From when one became a member"), {NULL, 0}};
static const struct str broadcast_choices[] = {STR_INIT("moderator"),
                                               STR_INIT("Moderators"),
                                               STR_INIT("participant"),
                                               STR_INIT("Participants"),
                                               STR_INIT("visitor"),
                                               STR_INIT("Visitors"),
                                               {NULL, 0}};
static const struct str list_choices[] = {STR_INIT("participant"),
                                          STR_INIT("Everybody who may speak"),
                                          STR_INIT("moderator"),
                                          STR_INIT("Moderators"),
                                          {NULL, 0}};

#define BOOLEAN STR_INIT("boolean")
#define TEXT STR_INIT("text-single")
#define LIST STR_INIT("list-single")

static const struct option options[OPTIONS] = {
    [OPTION_NAME] = {STR_INIT("muc#roomconfig_roomname"), TEXT, STR_INIT("Name"), STR_INIT(""), NULL, 200},
    [OPTION_DESCRIPTION] = {STR_INIT("muc#roomconfig_roomdesc"), TEXT, STR_INIT("What it is about"), STR_INIT(""), NULL,
                            1000},
    [OPTION_LANGUAGE] = {STR_INIT("muc#roomconfig_lang"), TEXT, STR_INIT("Language"), STR_INIT(""), NULL, 35},
    [OPTION_PUBLIC] = {STR_INIT("muc#roomconfig_publicroom"), BOOLEAN, STR_INIT("Listed for all to find"),
                       STR_INIT("0"), NULL, 0},
    [OPTION_PERSISTENT] = {STR_INIT("muc#roomconfig_persistentroom"), BOOLEAN,
                           STR_INIT("Stays when the last one leaves"), STR_INIT("1"), NULL, 0},
    [OPTION_MEMBERS_ONLY] = {STR_INIT("muc#roomconfig_membersonly"), BOOLEAN, STR_INIT("For members only"),
                             STR_INIT("0"), NULL, 0},
    [OPTION_MODERATED] = {STR_INIT("muc#roomconfig_moderatedroom"), BOOLEAN,
                          STR_INIT("Only who has been given a voice may speak"), STR_INIT("0"), NULL, 0},
    [OPTION_WHOIS] = {STR_INIT("muc#roomconfig_whois"), LIST, STR_INIT("Who sees people's addresses"),
                      STR_INIT("moderators"), whois_choices, 0},
    [OPTION_PROTECTED] = {STR_INIT("muc#roomconfig_passwordprotectedroom"), BOOLEAN,
                          STR_INIT("A password is needed to enter"), STR_INIT("0"), NULL, 0},
    [OPTION_SECRET] = {STR_INIT("muc#roomconfig_roomsecret"), STR_INIT("text-private"), STR_INIT("Password"),
                       STR_INIT(""), NULL, 100},
    [OPTION_CHANGE_SUBJECT] = {STR_INIT("muc#roomconfig_changesubject"), BOOLEAN,
                               STR_INIT("Everybody may change the subject"), STR_INIT("0"), NULL, 0},
    [OPTION_INVITES] = {STR_INIT("muc#roomconfig_allowinvites"), BOOLEAN, STR_INIT("Everybody may invite"),
                        STR_INIT("1"), NULL, 0},
    [OPTION_PRIVATE_MESSAGES] = {STR_INIT("muc#roomconfig_allowpm"), LIST, STR_INIT("Who may write privately"),
                                 STR_INIT("anyone"), pm_choices, 0},
    [OPTION_MEMBER_LIST] = {STR_INIT("muc#roomconfig_getmemberlist"), LIST, STR_INIT("Who may see the list of members"),
                            STR_INIT("participant"), list_choices, 0},
    [OPTION_MAX_USERS] = {STR_INIT("muc#roomconfig_maxusers"), TEXT, STR_INIT("Most people at once"), STR_INIT("10000"),
                          NULL, 100000},
    [OPTION_HISTORY] = {STR_INIT("muc#maxhistoryfetch"), TEXT, STR_INIT("Messages shown to who enters"), STR_INIT("20"),
                        NULL, 100},
    [OPTION_PAST] = {STR_INIT("{urn:confab:rooms:0}past"), LIST, STR_INIT("How much of the past new members may read"),
                     STR_INIT("all"), past_choices, 0},
    [OPTION_BROADCAST] = {STR_INIT("muc#roomconfig_presencebroadcast"), STR_INIT("list-multi"),
                          STR_INIT("Who is seen to come and go"), STR_INIT("moderator participant visitor"),
                          broadcast_choices, 0},
};

static bool is_number(enum room_option option) {
    return option == OPTION_MAX_USERS || option == OPTION_HISTORY;
}

void config_free(struct config *c) {
    for (int i = 0; i < OPTIONS; i++) free(c->values[i]);
    *c = (struct config){0};
}

struct str config_get(const struct config *c, enum room_option option) {
    return c->values[option] ? str_c(c->values[option]) : options[option].otherwise;
}

uint32_t config_number(const struct config *c, enum room_option option) {
    unsigned long long n = 0;
    CHECK(str_to_u64(config_get(c, option), UINT32_MAX, &n));
    return (uint32_t)n;
}

static bool is_choice(const struct str *choices, struct str value) {
    for (; choices->p; choices += 2) {
        if (str_eq(*choices, value)) return true;
    }
    return false;
}

static bool is_multi(enum room_option option) {
    return str_eq(options[option].type, STR("list-multi"));
}

/* Words with a blank between. */
static bool are_choices(const struct str *choices, struct str words) {
    for (; str_some(words); words = str_from(words, str_index(words, ' ') + 1)) {
        if (!is_choice(choices, str_first(words, str_index(words, ' ')))) return false;
    }
    return true;
}

/* As it is kept; STR_NONE: it cannot be. */
static struct str option_sound(enum room_option option, struct str value) {
    const struct option *o = &options[option];
    unsigned long long n;
    if (str_eq(o->type, STR("boolean"))) {
        bool yes = str_eq(value, STR("1")) || str_eq(value, STR("true"));
        bool no = str_eq(value, STR("0")) || str_eq(value, STR("false"));
        return yes ? STR("1") : no ? STR("0") : STR_NONE;
    }
    if (is_multi(option)) return value.p && value.len <= 100 && are_choices(o->choices, value) ? value : STR_NONE;
    if (o->choices) return is_choice(o->choices, value) ? value : STR_NONE;
    if (is_number(option)) return str_to_u64(value, o->max, &n) ? value : STR_NONE;
    if (value.len > o->max || str_index(value, '\n') < value.len || str_index(value, '\0') < value.len) return STR_NONE;
    return value.p ? value : STR("");
}

static void config_set(struct config *c, enum room_option option, struct str value) {
    free(c->values[option]);
    c->values[option] = strndup(value.p, value.len);
    CHECK(c->values[option] != NULL);
}

void config_write(const struct config *c, struct buf *out) {
    for (int i = 0; i < OPTIONS; i++) {
        if (!c->values[i]) continue;
        buf_add_str(out, options[i].var);
        buf_add_char(out, '=');
        buf_add_str(out, str_c(c->values[i]));
        buf_add_char(out, '\n');
    }
}

static int option_by_var(struct str var) {
    for (int i = 0; i < OPTIONS; i++) {
        if (str_eq(options[i].var, var)) return i;
    }
    return -1;
}

void config_read(struct config *c, struct str text) {
    while (str_some(text)) {
        struct str line = str_first(text, str_index(text, '\n'));
        text = str_from(text, line.len + 1);
        struct str var = str_first(line, str_index(line, '='));
        int option = option_by_var(var);
        struct str value = option < 0 ? STR_NONE : option_sound((enum room_option)option, str_from(line, var.len + 1));
        if (value.p) config_set(c, (enum room_option)option, value);
    }
}

struct xml_node *config_form(struct arena *arena, const struct config *c) {
    struct xml_node *form = form_new(arena, STR("form"), CONFIG_TYPE);
    for (int i = 0; i < OPTIONS; i++) {
        const struct option *o = &options[i];
        struct str value = config_get(c, (enum room_option)i);
        struct xml_node *field =
            form_add(arena, form, o->type, o->var, is_multi((enum room_option)i) ? STR_NONE : value);
        for (; is_multi((enum room_option)i) && str_some(value); value = str_from(value, str_index(value, ' ') + 1))
            xml_add_text(arena, xml_add(arena, field, STR_NONE, STR("value")), str_first(value, str_index(value, ' ')));
        xml_set(arena, field, STR("label"), o->label);
        for (const struct str *choice = o->choices; choice && choice->p; choice += 2) {
            struct xml_node *option = xml_add(arena, field, STR_NONE, STR("option"));
            xml_set(arena, option, STR("label"), choice[1]);
            xml_add_text(arena, xml_add(arena, option, STR_NONE, STR("value")), choice[0]);
        }
    }
    return form;
}

/* Of a field with several values: with blanks between. */
static struct str values_joined(struct arena *arena, const struct xml_node *field) {
    struct str all = STR("");
    for (const struct xml_node *v = xml_child(field, NS_DATA, STR("value")); v; v = xml_again(v))
        all = ARENA_CONCAT(arena, all, str_some(all) ? STR(" ") : STR(""), xml_text(arena, v));
    return all;
}

int config_submit(struct arena *arena, const struct config *from, const struct xml_node *form, struct config *out,
                  struct str *out_wrong) {
    struct config next = {0};
    *out_wrong = STR_NONE;
    struct str type = form_type(arena, form);
    if (str_some(type) && !str_eq(type, CONFIG_TYPE)) *out_wrong = STR("FORM_TYPE");
    for (int i = 0; i < OPTIONS && !out_wrong->p; i++) {
        enum room_option option = (enum room_option)i;
        const struct xml_node *field = form_field(form, options[i].var);
        bool multi = is_multi(option);
        struct str value = !field ? STR_NONE : multi ? values_joined(arena, field) : form_value(arena, field);
        if (field && !value.p) value = STR("");
        /* A field that was left empty says nothing, but for a text, or a choice of several. */
        if (!str_some(value) && !multi && !str_starts(options[i].type, STR("text"))) value = STR_NONE;
        if (!str_some(value) && is_number(option)) value = STR_NONE;
        if (!value.p) value = from->values[i] ? str_c(from->values[i]) : STR_NONE;
        if (!value.p) continue;
        struct str sound = option_sound(option, value);
        if (sound.p) {
            config_set(&next, option, sound);
        } else {
            *out_wrong = options[i].var;
        }
    }
    if (!out_wrong->p && config_is(&next, OPTION_PROTECTED) && !str_some(config_get(&next, OPTION_SECRET)))
        *out_wrong = options[OPTION_SECRET].var;
    if (!out_wrong->p) {
        *out = next;
        return 0;
    }
    config_free(&next);
    return ERR_INVALID;
}
