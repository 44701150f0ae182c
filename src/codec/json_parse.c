/* SPDX-License-Identifier: Apache-2.0
 * json_parse — text to document, the fast path: one loop, no recursion; see json_parser.h. */
#include "codec/json_parser.h"

#include <stdlib.h>

const struct json_limits json_limits_body = {
    .bytes = 3u << 20,
    .depth = 100,
    .nodes = 400000,
};
const struct json_limits json_limits_own = {
    .bytes = JSON_DOC_BYTES_MAX,
    .depth = JSON_DEPTH_MAX,
    .nodes = UINT32_MAX,
};

enum step { STEP_BAD, STEP_DONE, STEP_KEY, STEP_VALUE };

static inline bool fail(struct parser *p, const char *why)
{
    p->why = why;
    return false;
}

/* Wrappers around slow functions: they pass a copy, so that p itself stays in registers. */
static inline bool slow_str(struct parser *p, char *stop)
{
    struct parser copy = *p;
    bool ok = parser_slow_str(&copy, stop);
    *p = copy;
    return ok;
}

static inline bool need_nodes(struct parser *p)
{
    if (__builtin_expect(p->t_end - p->t >= PARSER_NODES_MIN, 1))
        return true;
    struct parser copy = *p;
    bool ok = parser_grow(&copy);
    *p = copy;
    return ok;
}

static inline void check_key(struct parser *p, uint32_t key_at)
{
    struct parser copy = *p;
    parser_check_key(&copy, key_at);
    *p = copy;
}

static inline void merge_dups(struct parser *p)
{
    struct parser copy = *p;
    parser_merge_dups(&copy);
    *p = copy;
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline void drop_space(struct parser *p)
{
    if (__builtin_expect((unsigned char)*p->r > ' ', 1) || !is_space(*p->r))
        return;
    char *space = p->r;
    if (p->shift)
        memmove(p->run - p->shift, p->run, (size_t)(space - p->run));
    char *r = space + 1;
    while (is_space(*r))
        r++;
    p->shift += (size_t)(r - space);
    p->r = r;
    p->run = r;
}

static inline bool read_str(struct parser *p) /* r is behind the quote */
{
    char *start = p->r;
    char *stop = start + (json_scan(start) - start);
    if (__builtin_expect(*stop != '"', 0))
        return slow_str(p, stop);
    *p->t++ = node_make(NODE_STR, parser_at(p), (size_t)(stop - start));
    p->r = stop + 1;
    return true;
}

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* number = [ "-" ] ( "0" / digit1-9 *digit ) [ "." 1*digit ] [ ("e"/"E") ["+"/"-"] 1*digit ]
 * Returns its end, or NULL. A closing byte that is no digit must follow the text. */
static inline char *num_end(char *r)
{
    r += *r == '-';
    if (!is_digit(*r))
        return NULL;
    if (*r++ != '0') {
        while (is_digit(*r))
            r++;
    }
    if (*r == '.') {
        if (!is_digit(*++r))
            return NULL;
        while (is_digit(*r))
            r++;
    }
    if ((*r | 0x20) == 'e') {
        r++;
        r += *r == '+' || *r == '-';
        if (!is_digit(*r))
            return NULL;
        while (is_digit(*r))
            r++;
    }
    return r;
}

static inline enum step read_num(struct parser *p)
{
    char *end = num_end(p->r);
    if (!end) {
        p->why = "not a number";
        return STEP_BAD;
    }
    *p->t++ = node_make(NODE_NUM, parser_at(p), (size_t)(end - p->r));
    p->r = end;
    return STEP_DONE;
}

static inline enum step read_word(struct parser *p, enum node_type type, const char *word, size_t n)
{
    if (memcmp(p->r, word, n) != 0) { /* the slack makes n bytes readable */
        p->why = "not a value";
        return STEP_BAD;
    }
    *p->t++ = node_make(type, parser_at(p), n);
    p->r += n;
    return STEP_DONE;
}

static inline enum step open_container(struct parser *p, enum node_type type, enum node_type empty)
{
    char closer = type == NODE_OBJ ? '}' : ']';
    uint32_t offset = parser_at(p);
    uint32_t depth = (uint32_t)(p->frame - p->parse->frames) + 1;
    if (depth > p->parse->depth) {
        if (depth > p->parse->depth_max) {
            p->parse->too_deep = true;
            p->why = "nested too deep";
            return STEP_BAD;
        }
        p->parse->depth = depth;
    }
    p->r++;
    drop_space(p);
    if (*p->r == closer) {
        p->r++;
        *p->t++ = node_make(empty, offset, 2);
        return STEP_DONE;
    }
    p->frame++;
    *p->frame = (struct frame){ .head = (uint32_t)(p->t - p->tape), .closer = closer };
    p->t[0] = node_make(type, offset, 0);
    p->t += 2; /* the second node is written at the end */
    return type == NODE_OBJ ? STEP_KEY : STEP_VALUE;
}

static inline enum step read_value(struct parser *p)
{
    switch (*p->r) {
    case '"':
        p->r++;
        return read_str(p) ? STEP_DONE : STEP_BAD;
    case '{':
        return open_container(p, NODE_OBJ, NODE_OBJ_EMPTY);
    case '[':
        return open_container(p, NODE_ARR, NODE_ARR_EMPTY);
    case 't':
        return read_word(p, NODE_TRUE, "true", 4);
    case 'f':
        return read_word(p, NODE_FALSE, "false", 5);
    case 'n':
        return read_word(p, NODE_NULL, "null", 4);
    default:
        return read_num(p);
    }
}

/* A cheap hash of a key as written: both ends and the length. The bytes read beyond a short key are
 * masked away. */
static inline unsigned key_hash(const char *key, uint32_t n)
{
    uint64_t x = json_load8(key);
    if (n < 8)
        x &= (UINT64_C(1) << (8 * n)) - 1;
    else
        x ^= json_load8(key + n - 8) * UINT64_C(0xff51afd7ed558ccd);
    return (unsigned)(((x ^ n) * UINT64_C(0x9e3779b97f4a7c15)) >> 57);
}

static inline bool read_key(struct parser *p)
{
    if (*p->r != '"')
        return fail(p, "expected a key in quotes");
    uint32_t key_at = (uint32_t)(p->t - p->tape);
    char *key = ++p->r;
    if (!read_str(p))
        return false;
    struct frame *f = p->frame;
    if (node_type(p->tape[key_at]) == NODE_STR && f->count < PARSER_KEYS_SCANNED) {
        unsigned hash = key_hash(key, node_length(p->tape[key_at]));
        uint64_t bit = UINT64_C(1) << (hash & 63);
        uint64_t *seen = &f->seen[hash >> 6];
        if (*seen & bit)
            check_key(p, key_at);
        *seen |= bit;
    } else {
        f->suspect = true;
    }
    drop_space(p);
    if (*p->r != ':')
        return fail(p, "expected ':' after a key");
    p->r++;
    drop_space(p);
    return true;
}

static inline void close_container(struct parser *p)
{
    struct frame *f = p->frame;
    p->r++;
    if (f->suspect)
        merge_dups(p);
    uint64_t *head = p->tape + f->head;
    head[0] |= (uint64_t)(parser_at(p) - node_offset(head[0])) << 32;
    head[1] = node_make(NODE_SPAN, (size_t)(p->t - head), f->count);
    p->frame--;
}

/* After a complete value: closes what closes here and stops where the next value must start. */
static inline enum step next_value(struct parser *p)
{
    for (;;) {
        struct frame *f = p->frame;
        f->count++;
        drop_space(p);
        if (*p->r == ',' && f->closer) {
            p->r++;
            drop_space(p);
            return f->closer == '}' ? STEP_KEY : STEP_VALUE;
        }
        if (*p->r != f->closer) {
            p->why = f->closer == '}' ? "expected ',' or '}'"
                     : f->closer      ? "expected ',' or ']'"
                                      : "more text after the value";
            return STEP_BAD;
        }
        if (!f->closer)
            return STEP_DONE;
        close_container(p);
    }
}

static bool parse_text(struct parser *state)
{
    struct parser p = *state;
    enum step step = STEP_VALUE;
    drop_space(&p);
    for (;;) {
        if (!need_nodes(&p) || (step == STEP_KEY && !read_key(&p)))
            break;
        step = read_value(&p);
        if (step == STEP_DONE) {
            step = next_value(&p);
            if (step == STEP_DONE)
                break;
        }
        if (step == STEP_BAD)
            break;
    }
    parser_flush(&p);
    *state = p;
    return !p.why && p.r == p.base + p.parse->input.n;
}

/* Values and keys: all nodes but the second ones. */
static size_t count_nodes(const struct parser *p)
{
    size_t n = 0;
    for (const uint64_t *t = p->tape; t < p->t; t++)
        n += node_type(*t) < NODE_SPAN;
    return n;
}

/* Moves the tape down to where it belongs when much of the text was space, puts the decoded strings
 * behind it and gives back what is left. */
static struct json_doc *finish(struct parser *p, size_t text_n)
{
    struct parse *parse = p->parse;
    struct json_doc *doc = parse->doc;
    size_t nodes = (size_t)(p->t - p->tape);
    size_t at = (size_t)((char *)p->tape - doc->text);
    size_t want = doc_tape_offset(text_n);
    if (want + JSON_TEXT_SLACK < at) {
        memmove(doc->text + want, p->tape, nodes * sizeof *p->tape);
        at = want;
    }
    doc->text[text_n] = '\0';
    size_t tape_end = at + nodes * sizeof *p->tape;
    size_t bytes = offsetof(struct json_doc, text) + tape_end + parse->decoded.n;
    doc = mem_realloc(doc, bytes);
    if (parse->decoded.n)
        memcpy(doc->text + tape_end, parse->decoded.p, parse->decoded.n);
    doc->refs = 1;
    doc->text_n = (uint32_t)text_n;
    doc->tape_n = (uint32_t)nodes;
    doc->decoded_n = (uint32_t)parse->decoded.n;
    doc->depth = (uint16_t)parse->depth;
    doc->packed = false;
    doc->parts_n = 0;
    doc->part_of = 0;
    doc->unfolded = NULL;
    doc->tape = (const uint64_t *)(const void *)(doc->text + at);
    return doc;
}

static int parse_into(struct json_doc **out, struct parser *p, struct err *err)
{
    struct parse *parse = p->parse;
    if (!parse_text(p))
        return parser_error(p, err);
    if (count_nodes(p) > parse->lim->nodes)
        return err_set(err, ERR_TOO_LARGE, "JSON has more than %u values and keys",
                       parse->lim->nodes);
    *out = finish(p, parser_at(p));
    return 0;
}

int json_parse_dups(struct json_doc **out,
                    struct str text,
                    const struct json_limits *lim,
                    struct buf *dups,
                    struct err *err)
{
    size_t bytes_max = lim->bytes < JSON_DOC_BYTES_MAX ? lim->bytes : JSON_DOC_BYTES_MAX;
    if (text.n > bytes_max)
        return err_set(err, ERR_TOO_LARGE, "JSON of %zu bytes is over the limit of %zu bytes",
                       text.n, bytes_max);
    struct parse parse;
    memset(&parse, 0, offsetof(struct parse, frames) + sizeof parse.frames[0]);
    parse.input = text;
    parse.lim = lim;
    parse.depth_max = lim->depth < JSON_DEPTH_MAX ? lim->depth : JSON_DEPTH_MAX;
    buf_init(&parse.decoded, JSON_DOC_BYTES_MAX);

    size_t tape_at = doc_tape_offset(text.n);
    size_t nodes = text.n / 8 + 2 * PARSER_NODES_MIN;
    parse.doc =
        mem_realloc(NULL, offsetof(struct json_doc, text) + tape_at + nodes * sizeof(uint64_t));
    char *base = parse.doc->text;
    if (text.n)
        memcpy(base, text.p, text.n);
    memset(base + text.n, 0, tape_at - text.n);
    uint64_t *tape = (uint64_t *)(void *)(base + tape_at);
    struct parser p = {
        .r = base,
        .base = base,
        .run = base,
        .tape = tape,
        .t = tape,
        .t_end = tape + nodes,
        .frame = parse.frames,
        .parse = &parse,
    };
    int rc = parse_into(out, &p, err);
    if (rc != 0)
        free(parse.doc);
    else if (dups && parse.has_dups)
        json_report_dups(dups, text);
    buf_fini(&parse.decoded);
    return rc;
}

int json_parse(struct json_doc **out,
               struct str text,
               const struct json_limits *lim,
               struct err *err)
{
    return json_parse_dups(out, text, lim, NULL, err);
}

bool json_is_num(struct str s)
{
    char copy[32];
    if (s.n == 0)
        return false;
    if (s.n < sizeof copy) {
        memcpy(copy, s.p, s.n);
        copy[s.n] = '\0';
        return num_end(copy) == copy + s.n;
    }
    char *heap = mem_dup(s.p, s.n);
    bool ok = num_end(heap) == heap + s.n;
    free(heap);
    return ok;
}
