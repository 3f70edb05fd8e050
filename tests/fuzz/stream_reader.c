/* stream_reader.c: see the header. */
#include "stream_reader.h"

#include <ctype.h>
#include <string.h>

#define CLIENT "jabber:client\1"
#define STREAM "http://etherx.jabber.org/streams\1"
#define SASL "urn:ietf:params:xml:ns:xmpp-sasl\1"
#define SASL2 "urn:xmpp:sasl:2\1"
#define FRAMING "urn:ietf:params:xml:ns:xmpp-framing\1"
#define TLS "urn:ietf:params:xml:ns:xmpp-tls\1"
#define SM "urn:xmpp:sm:3\1"

/* --- what clients have sent --- */

static unsigned occurrences(struct str text, struct str what) {
    unsigned count = 0;
    for (const char *at = text.p, *end = text.p + text.len; (at = memmem(at, (size_t)(end - at), what.p, what.len));
         at += what.len)
        count++;
    return count;
}

/* At most so many elements of that name, whatever their prefix. */
static unsigned elements_sent(const struct reader *r, const char *name) {
    char text[16];
    unsigned count = 0;
    for (const char *before = "<:"; *before; before++) {
        snprintf(text, sizeof text, "%c%s", *before, name);
        count += occurrences(buf_str(r->sent), str_c(text));
    }
    return count;
}

static unsigned stanzas_sent(const struct reader *r) {
    return elements_sent(r, "iq") + elements_sent(r, "message") + elements_sent(r, "presence");
}

static bool is_plain(const char *id) {
    for (const char *at = id; *at; at++)
        if (!isalnum((unsigned char)*at)) return false;
    return *id && strlen(id) < 64;
}

static void answer_check(const struct reader *r, const char *id) {
    char text[80];
    unsigned count = 0, asked = 0;
    struct str answers = buf_str(&r->answers);
    for (const char *at = answers.p; at < answers.p + answers.len; at += strlen(at) + 1) count += strcmp(at, id) == 0;
    for (const char *quote = "'\""; *quote; quote++) {
        snprintf(text, sizeof text, "%c%s%c", *quote, id, *quote);
        asked += occurrences(buf_str(r->sent), str_c(text));
    }
    if (count > asked) fprintf(stderr, "%u answers to %u IQs with the id %s\n", count, asked, id);
    MUST(count <= asked);
}

/* --- elements --- */

static const char *attribute(const XML_Char **atts, const char *name) {
    for (; *atts; atts += 2)
        if (strcmp(atts[0], name) == 0) return atts[1];
    return "";
}

static bool is_one_of(const char *name, const char *const *names) {
    while (*names && strcmp(name, *names)) names++;
    return *names != NULL;
}

static const char *const for_strangers[] = {STREAM "features",
                                            STREAM "error",
                                            TLS "proceed",
                                            SASL "challenge",
                                            SASL2 "challenge",
                                            SASL "failure",
                                            SASL2 "failure",
                                            SASL "success",
                                            SASL2 "success",
                                            FRAMING "close",
                                            CLIENT "iq",
                                            FRAMING "open",
                                            NULL};
static const char *const stanzas[] = {CLIENT "iq", CLIENT "message", CLIENT "presence", NULL};

static void answer_note(struct reader *r, const XML_Char **atts) {
    const char *type = attribute(atts, "type"), *id = attribute(atts, "id");
    if (strcmp(type, "result") && strcmp(type, "error")) return;
    if (strchr(attribute(atts, "from"), '/')) return; /* perhaps another client's */
    r->answer_count++;
    if (is_plain(id)) buf_add(&r->answers, id, strlen(id) + 1);
}

static void on_top(struct reader *r, const char *name, const XML_Char **atts) {
    MUST(!r->ended);
    MUST(!r->failed || strcmp(name, FRAMING "close") == 0);
    if (!r->known && !is_one_of(name, for_strangers)) fprintf(stderr, "for a stranger: %s\n", name);
    MUST(r->known || is_one_of(name, for_strangers));
    r->in_stanza = is_one_of(name, stanzas);
    if (r->in_stanza) r->got++;
    if (strcmp(name, CLIENT "iq") == 0) answer_note(r, atts);
    if (strcmp(name, STREAM "error") == 0) r->failed = true;
    if (strcmp(name, FRAMING "close") == 0) r->ended = true;
    if (strcmp(name, SASL "success") == 0 || strcmp(name, SASL2 "success") == 0) r->known = true;
    if (strcmp(name, SASL "success") == 0) r->restartable = true;
    r->in_challenge = strcmp(name, SASL "challenge") == 0 || strcmp(name, SASL2 "challenge") == 0;
    if (r->in_challenge) buf_clear(&r->challenge);
    r->is_challenged = r->in_challenge;
}

/* XEP-0198, on top or inside SASL2's success. */
static void on_management(struct reader *r, const char *name, const XML_Char **atts) {
    if (strcmp(name, SM "enabled") == 0) {
        snprintf(r->previd, sizeof r->previd, "%s", attribute(atts, "id"));
        r->got = 0;
        return;
    }
    if (strcmp(name, SM "a") && strcmp(name, SM "resumed") && strcmp(name, SM "failed")) return;
    if (!r->sent) return;
    if (strtoul(attribute(atts, "h"), NULL, 10) > stanzas_sent(r)) fprintf(stderr, "h=%s\n", attribute(atts, "h"));
    MUST(strtoul(attribute(atts, "h"), NULL, 10) <= stanzas_sent(r));
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **atts) {
    struct reader *r = user;
    unsigned top = r->framing == READER_TCP ? 1 : 0;
    if (r->depth == 0 && top == 1) MUST(strcmp(name, STREAM "stream") == 0);
    if (r->depth == top) on_top(r, name, atts);
    if (!r->in_stanza) on_management(r, name, atts);
    if (strcmp(name, "urn:ietf:params:xml:ns:xmpp-stanzas\1internal-server-error") == 0) MUST(r->may_fail);
    r->depth++;
}

static void XMLCALL on_end(void *user, const XML_Char *name) {
    struct reader *r = user;
    r->depth--;
    r->in_challenge = false;
    if (r->depth == 0 && r->framing == READER_TCP) r->ended = true;
    if (strcmp(name, TLS "proceed")) return;
    r->deaf = true;
    XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL on_text(void *user, const XML_Char *text, int len) {
    struct reader *r = user;
    if (r->in_challenge) buf_add(&r->challenge, text, (size_t)len);
}

/* --- bytes --- */

static void parser_begin(struct reader *r) {
    if (r->parser) XML_ParserFree(r->parser);
    r->parser = XML_ParserCreateNS("UTF-8", '\1');
    MUST(r->parser);
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    r->depth = 0;
    r->ended = r->failed = false;
}

static void xml_take(struct reader *r, struct str bytes, bool is_all) {
    bool is_well_formed = XML_Parse(r->parser, bytes.p, (int)bytes.len, is_all) == XML_STATUS_OK || r->deaf;
    if (!is_well_formed) fprintf(stderr, "%s in: %.*s\n", XML_ErrorString(XML_GetErrorCode(r->parser)), STR_FMT(bytes));
    MUST(is_well_formed);
}

/* A new stream begins with a new declaration. What may be half of one waits for the rest. */
static void tcp_take(struct reader *r) {
    static const struct str declaration = STR_INIT("<?xml");
    while (buf_len(&r->held) && !r->deaf) {
        struct str text = buf_str(&r->held);
        const char *next = memmem(text.p, text.len, declaration.p, declaration.len);
        size_t len = next ? (size_t)(next - text.p) : text.len;
        for (size_t part = 1; !next && part < declaration.len && part <= text.len; part++)
            if (memcmp(text.p + text.len - part, declaration.p, part) == 0) len = text.len - part;
        xml_take(r, str_first(text, len), false);
        buf_consume(&r->held, len);
        if (!next) return;
        MUST(r->restartable && !r->ended);
        r->restartable = false;
        parser_begin(r);
        xml_take(r, declaration, false);
        buf_consume(&r->held, declaration.len);
    }
}

static bool frame_take(struct reader *r) {
    struct str text = buf_str(&r->held);
    const uint8_t *b = (const uint8_t *)text.p;
    if (text.len < 2) return false;
    size_t size = b[1], head = size == 126 ? 4 : size == 127 ? 10 : 2;
    MUST(size < 128); /* a server does not mask */
    if (text.len < head) return false;
    for (size_t i = 2; i < head; i++) size = (i == 2 ? 0 : size << 8) | b[i];
    if (text.len < head + size) return false;
    int opcode = b[0] & 15;
    MUST((b[0] & 0xf0) == 0x80 && (opcode == 1 || opcode == 8 || opcode == 9 || opcode == 10) && !r->closed);
    r->closed = opcode == 8;
    if (opcode == 1) {
        bool ended = r->ended, failed = r->failed;
        parser_begin(r);
        r->ended = ended;
        r->failed = failed;
        xml_take(r, str_of(text.p + head, size), true);
    }
    buf_consume(&r->held, head + size);
    return true;
}

static void http_take(struct reader *r) {
    struct str text = buf_str(&r->held);
    const char *end = memmem(text.p, text.len, "\r\n\r\n", 4);
    if (!end) return;
    MUST(!str_starts(text, STR("HTTP/1.1 500")));
    if (!str_starts(text, STR("HTTP/1.1 101"))) {
        r->deaf = true;
        return;
    }
    buf_consume(&r->held, (size_t)(end - text.p) + 4);
    r->framing = READER_WEBSOCKET;
}

void reader_open(struct reader *r, enum reader_framing framing, bool adopted, const struct buf *sent) {
    char previd[sizeof r->previd];
    memcpy(previd, r->previd, sizeof previd);
    *r = (struct reader){.framing = framing, .sent = sent, .got = r->got, .known = adopted, .restartable = true};
    memcpy(r->previd, previd, sizeof previd);
    parser_begin(r);
    if (adopted && framing == READER_TCP)
        xml_take(r, STR("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"),
                 false);
}

void reader_take(struct reader *r, struct str bytes) {
    if (r->deaf) return;
    buf_add_str(&r->held, bytes);
    r->may_fail |= !r->sent || memmem(buf_str(r->sent).p, buf_len(r->sent), "internal-server-error", 21) != NULL;
    if (r->framing == READER_HTTP) http_take(r);
    if (r->framing == READER_TCP) tcp_take(r);
    while (r->framing == READER_WEBSOCKET && frame_take(r)) {}
}

void reader_close(struct reader *r) {
    struct str answers = buf_str(&r->answers);
    /* Where character references may hide an id it cannot be counted. */
    bool counts = r->sent && !memchr(buf_str(r->sent).p, '&', buf_len(r->sent));
    for (const char *at = answers.p; counts && at < answers.p + answers.len; at += strlen(at) + 1) answer_check(r, at);
    if (r->sent) MUST(r->answer_count <= elements_sent(r, "iq"));
    buf_free(&r->held);
    buf_free(&r->answers);
    buf_free(&r->challenge);
    if (r->parser) XML_ParserFree(r->parser);
    r->parser = NULL;
}
