#include "unit.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"
#include "xmpp/stanza.h"

static struct xml_node *element(struct arena *arena, const char *text) {
    static const struct xml_limits limits = {10000, 10, 10, 100};
    static const struct xml_scope scope = {.default_ns = STR_INIT("jabber:client")};
    struct xml_node *n = NULL;
    assert_int_equal(xml_parse(arena, str_c(text), &scope, &limits, &n), XML_OK);
    return n;
}

static enum stanza_error read_stanza(struct arena *arena, const char *text, struct stanza *out) {
    return stanza_read(arena, element(arena, text), out);
}

static void kinds(void **state) {
    enum stanza_kind kind;
    assert_true(stanza_kind_of(element(*state, "<iq/>"), &kind) && kind == STANZA_IQ);
    assert_true(stanza_kind_of(element(*state, "<presence/>"), &kind) && kind == STANZA_PRESENCE);
    assert_true(stanza_kind_of(element(*state, "<message/>"), &kind) && kind == STANZA_MESSAGE);
    assert_false(stanza_kind_of(element(*state, "<foo/>"), &kind));
    assert_false(stanza_kind_of(element(*state, "<iq xmlns='jabber:server'/>"), &kind));
}

static void types(void **state) {
    static const struct {
        const char *text;
        enum stanza_type type;
        enum stanza_error error;
    } cases[] = {
        {"<message/>", MESSAGE_NORMAL, 0},
        {"<message type='normal'/>", MESSAGE_NORMAL, 0},
        {"<message type='zzz'/>", MESSAGE_NORMAL, 0},
        {"<message type='chat'/>", MESSAGE_CHAT, 0},
        {"<message type='groupchat'/>", MESSAGE_GROUPCHAT, 0},
        {"<message type='error'/>", MESSAGE_ERROR, 0},
        {"<presence/>", PRESENCE_AVAILABLE, 0},
        {"<presence type='unavailable'/>", PRESENCE_UNAVAILABLE, 0},
        {"<presence type='probe'/>", PRESENCE_PROBE, 0},
        {"<presence type='chat'/>", PRESENCE_AVAILABLE, STANZA_ERR_BAD_REQUEST},
        {"<presence type=''/>", PRESENCE_AVAILABLE, STANZA_ERR_BAD_REQUEST},
        {"<iq id='1' type='get'><q/></iq>", IQ_GET, 0},
        {"<iq id='1' type='set'> <q/> </iq>", IQ_SET, 0},
        {"<iq id='1' type='result'/>", IQ_RESULT, 0},
        {"<iq id='1' type='error'/>", IQ_ERROR, 0},
        {"<iq id='1'/>", IQ_GET, STANZA_ERR_BAD_REQUEST},
        {"<iq id='1' type='chat'/>", IQ_GET, STANZA_ERR_BAD_REQUEST},
        {"<iq type='get'><q/></iq>", IQ_GET, STANZA_ERR_BAD_REQUEST},
        {"<iq id='' type='get'><q/></iq>", IQ_GET, STANZA_ERR_BAD_REQUEST},
        {"<iq id='1' type='get'/>", IQ_GET, STANZA_ERR_BAD_REQUEST},
        {"<iq id='1' type='set'><q/><r/></iq>", IQ_SET, STANZA_ERR_BAD_REQUEST},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stanza s;
        assert_int_equal(read_stanza(*state, cases[i].text, &s), cases[i].error);
        assert_int_equal(s.type, cases[i].type);
        assert_int_equal(stanza_is_answer(&s), s.type == MESSAGE_ERROR || s.type == IQ_RESULT || s.type == IQ_ERROR);
    }
    assert_absent(stanza_type_name(MESSAGE_NORMAL));
    assert_absent(stanza_type_name(PRESENCE_AVAILABLE));
    assert_str(stanza_type_name(IQ_RESULT), "result");
}

static void addresses(void **state) {
    struct stanza s;
    assert_int_equal(read_stanza(*state, "<message id='x' from='A@b/C' to='D.e'/>", &s), STANZA_ERR_NONE);
    assert_str(jid_str(s.from), "a@b/C");
    assert_str(jid_str(s.to), "d.e");
    assert_str(s.id, "x");
    assert_int_equal(read_stanza(*state, "<message from='a@b' to='a@@b' id='x'/>", &s), STANZA_ERR_JID_MALFORMED);
    assert_false(jid_some(s.to));
    assert_str(jid_str(s.from), "a@b");
    assert_str(s.id, "x");
    assert_int_equal(read_stanza(*state, "<presence to=''/>", &s), STANZA_ERR_JID_MALFORMED);
    assert_int_equal(read_stanza(*state, "<iq id='1' type='get'>x<a/>y</iq>", &s), STANZA_ERR_NONE);
    assert_str(s.payload->name, "a");
    assert_absent(jid_str(s.to));
}

static void answers(void **state) {
    struct stanza s;
    read_stanza(*state, "<iq id='1' type='get' from='a@b/c' to='d'><q/></iq>", &s);
    assert_str(xml_string(*state, stanza_error_reply(*state, &s, STANZA_ERR_ITEM_NOT_FOUND, STR("no <it>")), NS_CLIENT),
               "<iq type='error' id='1' from='d' to='a@b/c'><error type='cancel'>"
               "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
               "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no &lt;it&gt;</text></error></iq>");
    assert_str(xml_string(*state, iq_result(*state, &s), NS_CLIENT), "<iq type='result' id='1' from='d' to='a@b/c'/>");
    read_stanza(*state, "<message><body>x</body></message>", &s);
    assert_str(xml_string(*state, stanza_error_reply(*state, &s, STANZA_ERR_CONFLICT, STR_NONE), NS_CLIENT),
               "<message type='error'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
               "</error></message>");
}

static void readdressing(void **state) {
    struct xml_node *el = element(*state, "<message from='x@y' id='1'><body>b</body></message>");
    struct jid to;
    assert_int_equal(jid_parse(*state, STR("a@b"), &to), 0);
    assert_str(xml_string(*state, stanza_readdress(*state, el, JID_NONE, to), NS_CLIENT),
               "<message id='1' to='a@b'><body>b</body></message>");
    assert_str(xml_attr(el, STR("from")), "x@y");
}

static void error_tables(void **state) {
    assert_str(stanza_error_name(STANZA_ERR_BAD_REQUEST), "bad-request");
    assert_str(stanza_error_type(STANZA_ERR_UNEXPECTED_REQUEST), "wait");
    assert_absent(stanza_error_name(STANZA_ERR_NONE));
    assert_str(stream_error_name(STREAM_ERR_UNSUPPORTED_VERSION), "unsupported-version");
    assert_absent(stream_error_name(STREAM_ERR_NONE));
    assert_str(xml_string(*state, stream_error_node(*state, STREAM_ERR_RESET, STR("t")), NS_CLIENT),
               "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
               "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>t</text></stream:error>");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        with_arena(kinds),   with_arena(types),        with_arena(addresses),
        with_arena(answers), with_arena(readdressing), with_arena(error_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
