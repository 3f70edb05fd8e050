/*
 * pubsub.c: one table says which fields a node's configuration has, how each is written and where it stands; the forms are made from it and
 * read by it. Pure; any thread.
 */
#include "xmpp/pubsub.h"

#include <stddef.h>

#include "base/err.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

enum field_kind { CHOICE, FLAG, MAX, NUMBER, TEXT, LINES };

struct field {
    const char *name; /* without pubsub# */
    enum field_kind kind;
    size_t at;    /* of CHOICE, MAX, NUMBER, TEXT, LINES */
    int64_t flag; /* of FLAG */
    const struct str *choices;
    const char *label;
};

static const struct str access_names[] = {STR_INIT("open"),      STR_INIT("presence"),  STR_INIT("roster"),
                                          STR_INIT("authorize"), STR_INIT("whitelist"), {NULL, 0}};
static const struct str publish_names[] = {
    STR_INIT("publishers"), STR_INIT("subscribers"), STR_INIT("open"), {NULL, 0}};
static const struct str last_names[] = {
    STR_INIT("never"), STR_INIT("on_sub"), STR_INIT("on_sub_and_presence"), {NULL, 0}};
static const struct str message_names[] = {STR_INIT("headline"), STR_INIT("normal"), STR_INIT("chat"), {NULL, 0}};
static const struct str affiliation_names[] = {
    STR_INIT("none"),    STR_INIT("member"), STR_INIT("publish-only"), STR_INIT("publisher"), STR_INIT("owner"),
    STR_INIT("outcast"), {NULL, 0}};
static const struct str subscription_names[] = {
    STR_INIT("none"), STR_INIT("pending"), STR_INIT("subscribed"), {NULL, 0}};

#define AT(member) offsetof(struct pubsub_config, member)

static const struct field fields[] = {
    {"title", TEXT, AT(title), 0, NULL, "A short name of the node"},
    {"description", TEXT, AT(description), 0, NULL, "What the node is for"},
    {"type", TEXT, AT(type), 0, NULL, "The namespace of what is published"},
    {"access_model", CHOICE, AT(access), 0, access_names, "Who may subscribe and retrieve items"},
    {"roster_groups_allowed", LINES, AT(groups), 0, NULL, "The roster groups whose contacts may do so"},
    {"publish_model", CHOICE, AT(publish), 0, publish_names, "Who may publish"},
    {"persist_items", FLAG, 0, PUBSUB_PERSISTS, NULL, "Whether items are kept"},
    {"max_items", MAX, AT(max_items), 0, NULL, "How many items are kept (a number, or max)"},
    {"max_payload_size", NUMBER, AT(payload_max), 0, NULL, "The largest payload in bytes (0: the server's)"},
    {"send_last_published_item", CHOICE, AT(last), 0, last_names, "When the last item is sent"},
    {"deliver_notifications", FLAG, 0, PUBSUB_DELIVERS, NULL, "Whether news are told"},
    {"deliver_payloads", FLAG, 0, PUBSUB_PAYLOADS, NULL, "Whether they carry the payload"},
    {"notification_type", CHOICE, AT(message), 0, message_names, "The type of these messages"},
    {"notify_config", FLAG, 0, PUBSUB_TELLS_CONFIG, NULL, "Whether a new configuration is told"},
    {"notify_delete", FLAG, 0, PUBSUB_TELLS_DELETE, NULL, "Whether it is told that the node is deleted"},
    {"notify_retract", FLAG, 0, PUBSUB_TELLS_RETRACT, NULL, "Whether it is told that items are removed"},
};
enum { FIELDS = sizeof fields / sizeof *fields };
enum { GROUPS_MAX = 8192, TEXT_MAX = 1023 };

/* --- defaults --- */

struct preset {
    const char *name; /* a node, or with a star at its end what nodes begin with */
    int64_t access, last, max_items;
};

static const struct preset presets[] = {
    /* Whoever wants to write encrypted needs them. A device list is no less public than the address itself. */
    {"eu.siacs.conversations.axolotl.*", PUBSUB_OPEN, PUBSUB_LAST_ON_PRESENCE, 1},
    {"urn:xmpp:omemo:2:bundles", PUBSUB_OPEN, PUBSUB_LAST_ON_PRESENCE, 0},
    {"urn:xmpp:omemo:2:*", PUBSUB_OPEN, PUBSUB_LAST_ON_PRESENCE, 1},
    /* What the programs of one person tell each other: an item for each conversation, and nobody else's business. */
    {"urn:xmpp:bookmarks:1", PUBSUB_WHITELIST, PUBSUB_LAST_NEVER, 0},
    {"urn:xmpp:mds:displayed:0", PUBSUB_WHITELIST, PUBSUB_LAST_NEVER, 0},
    {"urn:confab:*", PUBSUB_WHITELIST, PUBSUB_LAST_NEVER, 0},
    {"storage:bookmarks", PUBSUB_WHITELIST, PUBSUB_LAST_ON_PRESENCE, 1},
};

static bool preset_is_for(const struct preset *p, struct str node) {
    struct str name = str_c(p->name);
    if (!str_ends(name, STR("*"))) return str_eq(node, name);
    return str_starts(node, str_first(name, name.len - 1));
}

struct pubsub_config pubsub_config_default(struct str node) {
    struct pubsub_config config = {
        .access = PUBSUB_PRESENCE,
        .last = PUBSUB_LAST_ON_PRESENCE,
        .max_items = 1,
        .flags = PUBSUB_DELIVERS | PUBSUB_PAYLOADS | PUBSUB_PERSISTS | PUBSUB_TELLS_DELETE | PUBSUB_TELLS_RETRACT,
        .groups = STR(""),
        .title = STR(""),
        .description = STR(""),
        .type = STR(""),
    };
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (!preset_is_for(&presets[i], node)) continue;
        config.access = presets[i].access;
        config.last = presets[i].last;
        config.max_items = presets[i].max_items;
        break;
    }
    return config;
}

/* --- values --- */

static int64_t *number_at(struct pubsub_config *config, const struct field *f) {
    return (int64_t *)(void *)((char *)config + f->at);
}
static struct str *text_at(struct pubsub_config *config, const struct field *f) {
    return (struct str *)(void *)((char *)config + f->at);
}

static bool choice_read(const struct str *choices, struct str value, int64_t *out) {
    for (int64_t i = 0; choices[i].p; i++) {
        if (!str_eq(choices[i], value)) continue;
        *out = i;
        return true;
    }
    return false;
}

static bool flag_read(struct str value, int64_t flag, int64_t *flags) {
    bool yes = str_eq(value, STR("1")) || str_eq(value, STR("true"));
    if (!yes && !str_eq(value, STR("0")) && !str_eq(value, STR("false"))) return false;
    *flags = yes ? *flags | flag : *flags & ~flag;
    return true;
}

static bool number_read(struct str value, int64_t *out) {
    unsigned long long n;
    if (!str_to_u64(value, INT32_MAX, &n)) return false;
    *out = (int64_t)n;
    return true;
}

static bool lines_read(struct arena *arena, const struct xml_node *field, struct str *out) {
    struct str all = STR("");
    for (const struct xml_node *v = xml_child(field, NS_DATA, STR("value")); v; v = xml_again(v)) {
        struct str line = xml_text(arena, v);
        if (str_index(line, '\n') < line.len || all.len + line.len >= GROUPS_MAX) return false;
        if (str_some(line)) all = ARENA_CONCAT(arena, all, line, STR("\n"));
    }
    *out = all;
    return true;
}

static bool text_read(struct str value, struct str *out) {
    *out = value.p ? value : STR("");
    return out->len <= TEXT_MAX;
}

static bool field_read(struct arena *arena, const struct field *f, const struct xml_node *el,
                       struct pubsub_config *config) {
    struct str value = form_value(arena, el);
    switch (f->kind) {
    case CHOICE:
        return choice_read(f->choices, value, number_at(config, f));
    case FLAG:
        return flag_read(value, f->flag, &config->flags);
    case MAX:
        if (!str_eq(value, STR("max"))) return number_read(value, number_at(config, f)) && *number_at(config, f) > 0;
        *number_at(config, f) = 0;
        return true;
    case NUMBER:
        return number_read(value, number_at(config, f));
    case TEXT:
        return text_read(value, text_at(config, f));
    case LINES:
        return lines_read(arena, el, text_at(config, f));
    }
    return false;
}

static const struct field *field_of(struct str var) {
    struct str name = str_starts(var, STR("pubsub#")) ? str_from(var, 7) : STR("");
    for (size_t i = 0; i < FIELDS; i++)
        if (str_eq(name, str_c(fields[i].name))) return &fields[i];
    return NULL;
}

int pubsub_config_read(struct arena *arena, const struct xml_node *form, struct pubsub_config *config) {
    for (const struct xml_node *el = xml_child(form, NS_DATA, STR("field")); el; el = xml_again(el)) {
        struct str var = xml_attr(el, STR("var"));
        if (str_eq(var, STR("FORM_TYPE"))) continue;
        const struct field *f = field_of(var);
        if (!f) return ERR_NOT_FOUND;
        if (!field_read(arena, f, el, config)) return ERR_INVALID;
    }
    return 0;
}

bool pubsub_config_eq(const struct pubsub_config *a, const struct pubsub_config *b) {
    return a->access == b->access && a->publish == b->publish && a->last == b->last && a->message == b->message &&
           a->flags == b->flags && a->max_items == b->max_items && a->payload_max == b->payload_max &&
           str_eq(a->groups, b->groups) && str_eq(a->title, b->title) && str_eq(a->description, b->description) &&
           str_eq(a->type, b->type);
}

/* --- the form --- */

static struct str number_text(struct arena *arena, int64_t n) {
    return arena_printf(arena, "%lld", (long long)n);
}

static void lines_add(struct arena *arena, struct xml_node *el, struct str left) {
    while (str_some(left)) {
        struct str line = str_first(left, str_index(left, '\n'));
        left = str_from(left, line.len + 1);
        xml_add_text(arena, xml_add(arena, el, NS_DATA, STR("value")), line);
    }
}

static void choices_add(struct arena *arena, struct xml_node *el, const struct str *choices) {
    for (; choices->p; choices++) {
        struct xml_node *option = xml_add(arena, el, NS_DATA, STR("option"));
        xml_add_text(arena, xml_add(arena, option, NS_DATA, STR("value")), *choices);
    }
}

static struct str field_text(struct arena *arena, const struct field *f, struct pubsub_config *config) {
    switch (f->kind) {
    case CHOICE:
        return f->choices[*number_at(config, f)];
    case FLAG:
        return config->flags & f->flag ? STR("1") : STR("0");
    case MAX:
        return *number_at(config, f) ? number_text(arena, *number_at(config, f)) : STR("max");
    case NUMBER:
        return number_text(arena, *number_at(config, f));
    case TEXT:
        return str_some(*text_at(config, f)) ? *text_at(config, f) : STR_NONE;
    case LINES:
        return STR_NONE;
    }
    return STR_NONE;
}

struct xml_node *pubsub_config_form(struct arena *arena, struct str type, struct str form_type,
                                    const struct pubsub_config *config) {
    static const struct str types[] = {
        [CHOICE] = STR_INIT("list-single"), [FLAG] = STR_INIT("boolean"),     [MAX] = STR_INIT("text-single"),
        [NUMBER] = STR_INIT("text-single"), [TEXT] = STR_INIT("text-single"), [LINES] = STR_INIT("list-multi")};
    struct pubsub_config c = *config;
    bool asks = str_eq(type, STR("form"));
    struct xml_node *x = form_new(arena, type, form_type);
    for (size_t i = 0; i < FIELDS; i++) {
        const struct field *f = &fields[i];
        struct str var = ARENA_CONCAT(arena, STR("pubsub#"), str_c(f->name));
        struct xml_node *el = form_add(arena, x, types[f->kind], var, field_text(arena, f, &c));
        if (f->kind == LINES) lines_add(arena, el, *text_at(&c, f));
        if (!asks) continue;
        xml_set(arena, el, STR("label"), str_c(f->label));
        if (f->kind == CHOICE) choices_add(arena, el, f->choices);
    }
    return x;
}

/* --- names --- */

struct str pubsub_affiliation_name(int64_t affiliation) {
    return affiliation_names[affiliation];
}
bool pubsub_affiliation_read(struct str name, int64_t *out) {
    return choice_read(affiliation_names, name, out);
}
struct str pubsub_subscription_name(int64_t subscription) {
    return subscription_names[subscription];
}
bool pubsub_subscription_read(struct str name, int64_t *out) {
    return choice_read(subscription_names, name, out);
}
struct str pubsub_message_type(int64_t message) {
    return message == PUBSUB_NORMAL ? STR_NONE : message_names[message];
}
