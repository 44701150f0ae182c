/* SPDX-License-Identifier: Apache-2.0
 * jsonpath_parse — templates to steps; see jsonpath.h for the language. Its corners (what ends a
 * field's name, what a union splits on) are those of k8s.io/client-go/util/jsonpath v0.36. */
#include "codec/jsonpath_internal.h"

enum { NESTING_MAX = 32 }; /* of ranges, and of filters and unions */

struct parser {
    struct jsonpath *path;
    struct str rest; /* of the template */
    struct err *err;
    int ranges;
};

static int parse_steps(struct parser *p, struct str s, struct jsonpath_step **out, int depth);

static bool ends_field(char c)
{
    return char_is_space(c) || str_find_char(STR(".,[]$@{}"), c) >= 0;
}

static int too_deep(struct parser *p)
{
    return err_set(p->err, ERR_INVALID, "jsonpath: nested deeper than %d", NESTING_MAX);
}

static struct jsonpath_step *step_new(struct parser *p, int type)
{
    struct jsonpath_step *s = ARENA_NEW(p->path->arena, struct jsonpath_step);
    s->type = (unsigned)type;
    return s;
}

/* ---- quoted text ---- */

/* Length of the quoted text at the front of s, quotes included; 0 when it does not end. */
static size_t quoted_length(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == s.p[0])
            return i + 1;
    }
    return 0;
}

static char simple_escape(char c)
{
    static const char names[] = "abfnrtv\\'\"", values[] = "\a\b\f\n\r\t\v\\'\"";
    const char *at = c ? strchr(names, c) : NULL;
    return at ? values[at - names] : '\0';
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_char(out, (char)c);
        return;
    }
    if (c >= 0x800)
        buf_char(out, (char)(0xe0 | c >> 12));
    buf_char(out, (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6));
    buf_char(out, (char)(0x80 | (c & 0x3f)));
}

static bool read_hex(struct str s, size_t digits, uint32_t *out)
{
    *out = 0;
    if (s.n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        int v = char_hex(s.p[i]);
        if (v < 0)
            return false;
        *out = *out * 16 + (uint32_t)v;
    }
    return true;
}

/* The escape behind a backslash at the front of s: its length, 0 when it is none. */
static size_t unescape(struct buf *out, struct str s)
{
    uint32_t code;
    char simple = s.n ? simple_escape(s.p[0]) : '\0';
    if (simple) {
        buf_char(out, simple);
        return 1;
    }
    size_t digits = s.n && s.p[0] == 'x' ? 2 : s.n && s.p[0] == 'u' ? 4 : 0;
    if (digits == 0 || !read_hex(str_skip(s, 1), digits, &code) || (code & 0xf800) == 0xd800)
        return 0;
    put_utf8(out, code);
    return 1 + digits;
}

static int keep_literal(struct parser *p, struct str json, struct jsonpath_step **out)
{
    struct json_doc *doc;
    if (json_parse(&doc, json, &json_limits_own, NULL))
        return err_set(p->err, ERR_INVALID, "jsonpath: cannot parse literal %.*s",
                       STR_ARG(str_take(json, 60)));
    jsonpath_docs_push(&p->path->literals, doc);
    *out = step_new(p, JSONPATH_LITERAL);
    (*out)->literal = json_root(doc);
    return 0;
}

static int parse_quoted(struct parser *p, struct str *s, struct jsonpath_step **out)
{
    size_t n = quoted_length(*s);
    if (n == 0)
        return err_set(p->err, ERR_INVALID, "unterminated quoted string");
    struct str text = str_take(str_skip(*s, 1), n - 2);
    struct buf raw, json;
    buf_init(&raw, JSONPATH_TEXT_MAX);
    buf_init(&json, 8 * JSONPATH_TEXT_MAX);
    int rc = 0;
    for (size_t i = 0; i < text.n && rc == 0; i++) {
        size_t used = text.p[i] == '\\' ? unescape(&raw, str_skip(text, i + 1)) : 0;
        if (text.p[i] != '\\')
            buf_char(&raw, text.p[i]);
        else if (used == 0)
            rc = err_set(p->err, ERR_INVALID, "unquote string %.*s error", STR_ARG(text));
        i += used;
    }
    json_write_str(&json, buf_view(&raw));
    if (rc == 0)
        rc = keep_literal(p, buf_view(&json), out);
    buf_fini(&raw);
    buf_fini(&json);
    *s = str_skip(*s, n);
    return rc;
}

/* ---- brackets ---- */

/* Up to the end byte outside quotes; leaves *s behind it. */
static int take_until(struct parser *p, struct str *s, char end, struct str *inside)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->p[i] == '\'' || s->p[i] == '"') {
            size_t n = quoted_length(str_skip(*s, i));
            if (n == 0)
                break;
            i += n - 1;
        } else if (s->p[i] == end) {
            *inside = str_take(*s, i);
            *s = str_skip(*s, i + 1);
            return 0;
        }
    }
    return err_set(p->err, ERR_INVALID, end == ']' ? "unterminated array" : "unterminated filter");
}

static int read_operator(struct parser *p, struct str name, enum jsonpath_op *op)
{
    static const struct {
        struct str name;
        enum jsonpath_op op;
    } rows[] = {
        { STR_INIT("=="), JSONPATH_EQUAL },         { STR_INIT("!="), JSONPATH_DIFFERS },
        { STR_INIT("<="), JSONPATH_LESS_EQUAL },    { STR_INIT("<"), JSONPATH_LESS },
        { STR_INIT(">="), JSONPATH_GREATER_EQUAL }, { STR_INIT(">"), JSONPATH_GREATER },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (str_eq(rows[i].name, name)) {
            *op = rows[i].op;
            return 0;
        }
    }
    return err_set(p->err, ERR_INVALID, "unrecognized filter operator %.*s",
                   STR_ARG(str_take(name, 20)));
}

/* Where the comparison starts, or the length of s. */
static size_t find_operator(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'' || s.p[i] == '"')
            i += quoted_length(str_skip(s, i)) - 1; /* take_until saw that it ends */
        else if (str_find_char(STR("!<>="), s.p[i]) >= 0)
            return i;
    }
    return s.n;
}

/* s stands behind "[?(". */
static int parse_filter(struct parser *p, struct str *s, struct jsonpath_step **out, int depth)
{
    struct str inside;
    if (take_until(p, s, ')', &inside))
        return -1;
    if (s->n == 0 || s->p[0] != ']')
        return err_set(p->err, ERR_INVALID, "unclosed array expect ]");
    *s = str_skip(*s, 1);
    struct jsonpath_step *step = step_new(p, JSONPATH_FILTER);
    size_t at = find_operator(inside), n = 0;
    struct str left = str_take(inside, at), rest = str_skip(inside, at);
    while (n < rest.n && str_find_char(STR("!<>="), rest.p[n]) >= 0)
        n++;
    if (n && read_operator(p, str_take(rest, n), &step->op))
        return -1;
    if (parse_steps(p, left, &step->left, depth + 1))
        return -1;
    if (n && parse_steps(p, str_skip(rest, n), &step->right, depth + 1))
        return -1;
    *out = step;
    return 0;
}

/* One of from, to and by; absent text leaves it not given. */
static bool read_bound(struct str s, struct jsonpath_bound *out)
{
    *out = (struct jsonpath_bound){ 0 };
    if (s.n == 0)
        return true;
    out->given = true;
    return str_to_i64(s, &out->value) && out->value >= INT32_MIN && out->value <= INT32_MAX;
}

static int parse_slice(struct parser *p, struct str text, struct jsonpath_step **out)
{
    struct jsonpath_step *step = step_new(p, JSONPATH_SLICE);
    struct str rest = str_is(text, "*") ? STR(":") : text;
    step->single = str_find_char(rest, ':') < 0;
    bool ok = read_bound(str_split(&rest, ':'), &step->from);
    ok = ok && read_bound(rest.p ? str_split(&rest, ':') : rest, &step->to);
    ok = ok && read_bound(rest.p ? str_split(&rest, ':') : rest, &step->by);
    if (!ok || rest.p || (step->single && !step->from.given))
        return err_set(p->err, ERR_INVALID, "invalid array index %.*s",
                       STR_ARG(str_take(text, 60)));
    *out = step;
    return 0;
}

/* 'a.b' is the path .a.b; a slice or an index otherwise. */
static int
parse_alternative(struct parser *p, struct str text, struct jsonpath_step **out, int depth)
{
    bool quoted = text.n > 1 && (text.p[0] == '\'' || text.p[0] == '"');
    if (!quoted)
        return parse_slice(p, text, out);
    if (quoted_length(text) != text.n)
        return err_set(p->err, ERR_INVALID, "invalid array index %.*s",
                       STR_ARG(str_take(text, 60)));
    struct str key = str_take(str_skip(text, 1), text.n - 2);
    return parse_steps(p, arena_printf(p->path->arena, ".%.*s", STR_ARG(key)), out, depth + 1);
}

static int parse_union(struct parser *p, struct str inside, struct jsonpath_step **out, int depth)
{
    struct jsonpath_step *step = step_new(p, JSONPATH_UNION), **last = &step->left;
    bool more = true;
    while (more) {
        size_t n = 0;
        while (n < inside.n && inside.p[n] != ',')
            n += inside.p[n] == '\'' || inside.p[n] == '"' ? quoted_length(str_skip(inside, n)) : 1;
        more = n < inside.n;
        struct str text =
            n == inside.n && last == &step->left ? inside : str_trim(str_take(inside, n));
        struct jsonpath_step *first = NULL;
        if (parse_alternative(p, text, &first, depth))
            return -1;
        if (!first)
            return err_set(p->err, ERR_INVALID, "invalid array index ''");
        *last = first;
        last = &first->other;
        inside = str_skip(inside, more ? n + 1 : n);
    }
    /* A single alternative needs no union around it. */
    *out = step->left->other ? step : step->left;
    return 0;
}

static int parse_brackets(struct parser *p, struct str *s, struct jsonpath_step **out, int depth)
{
    struct str inside;
    if (depth > NESTING_MAX)
        return too_deep(p);
    *s = str_skip(*s, 1);
    if (str_starts(*s, STR("?("))) {
        *s = str_skip(*s, 2);
        return parse_filter(p, s, out, depth);
    }
    if (take_until(p, s, ']', &inside))
        return -1;
    return parse_union(p, inside, out, depth);
}

/* ---- steps ---- */

/* s stands behind the dot. A backslash keeps the next byte, whatever it is. */
static int parse_field(struct parser *p, struct str *s, struct jsonpath_step **out)
{
    char *name = arena_alloc(p->path->arena, s->n + 1);
    size_t n = 0, i = 0;
    bool escaped = false;
    while (i < s->n && !ends_field(s->p[i])) {
        if (s->p[i] == '\\' && i + 1 < s->n) {
            escaped = true;
            i++;
        }
        name[n++] = s->p[i++];
    }
    *s = str_skip(*s, i);
    struct str field = str_make(name, n);
    bool wildcard = !escaped && str_is(field, "*");
    *out = n ? step_new(p, wildcard ? JSONPATH_WILDCARD : JSONPATH_FIELD) : NULL;
    if (*out)
        (*out)->name = field;
    return 0; /* a dot alone is the current value */
}

static int parse_number(struct parser *p, struct str *s, struct jsonpath_step **out)
{
    size_t n = 1;
    while (n < s->n && (char_is_digit(s->p[n]) || s->p[n] == '.'))
        n++;
    struct str text = str_take(*s, n);
    *s = str_skip(*s, n);
    return keep_literal(p, text.p[0] == '+' ? str_skip(text, 1) : text, out);
}

static int parse_word(struct parser *p, struct str *s, struct jsonpath_step **out)
{
    size_t n = 0;
    while (n < s->n && !ends_field(s->p[n]))
        n++;
    struct str word = str_take(*s, n);
    *s = str_skip(*s, n);
    if (str_is(word, "true") || str_is(word, "false"))
        return keep_literal(p, word, out);
    return err_set(p->err, ERR_INVALID, "unrecognized identifier %.*s",
                   STR_ARG(str_take(word, 60)));
}

/* The step at the front of *s; *out stays NULL for what changes nothing. */
static int parse_step(struct parser *p, struct str *s, struct jsonpath_step **out, int depth)
{
    char c = s->p[0];
    if (str_starts(*s, STR(".."))) {
        /* The second dot stays when a name follows it. */
        *s = str_skip(*s, s->n > 2 && !ends_field(s->p[2]) ? 1 : 2);
        *out = step_new(p, JSONPATH_BELOW);
        return 0;
    }
    if (c == '.') {
        *s = str_skip(*s, 1);
        return parse_field(p, s, out);
    }
    if (c == '[')
        return parse_brackets(p, s, out, depth);
    if (c == '\'' || c == '"')
        return parse_quoted(p, s, out);
    if (char_is_space(c) || c == '$' || c == '@') {
        *s = str_skip(*s, 1);
        return 0;
    }
    if (char_is_digit(c) || c == '-' || c == '+')
        return parse_number(p, s, out);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return parse_word(p, s, out);
    return err_set(p->err, ERR_INVALID, "unrecognized character in action: U+%04X '%c'",
                   (unsigned char)c, c > ' ' && c < 0x7f ? c : '?');
}

static int parse_steps(struct parser *p, struct str s, struct jsonpath_step **out, int depth)
{
    struct jsonpath_step **last = out;
    if (depth > NESTING_MAX)
        return too_deep(p);
    *last = NULL;
    while (s.n) {
        struct jsonpath_step *step = NULL;
        if (parse_step(p, &s, &step, depth))
            return -1;
        for (; step; step = step->next) { /* a quoted key gives several */
            *last = step;
            last = &step->next;
        }
    }
    return 0;
}

/* ---- items ---- */

/* The first word of an action when it is `word`; *s loses it. */
static bool take_keyword(struct str *s, struct str word)
{
    struct str rest = str_trim(*s);
    if (!str_starts(rest, word) || (rest.n > word.n && !ends_field(rest.p[word.n])))
        return false;
    *s = str_skip(rest, word.n);
    return true;
}

static int parse_items(struct parser *p, struct jsonpath_item **out);

static int parse_range(struct parser *p, struct jsonpath_item *item, struct str action)
{
    if (p->ranges >= NESTING_MAX)
        return too_deep(p);
    item->type = JSONPATH_RANGE;
    if (parse_steps(p, action, &item->steps, 0))
        return -1;
    p->ranges++;
    int rc = parse_items(p, &item->body);
    p->ranges--;
    return rc;
}

/* An action whose braces were taken off. *end: it closes the range around it. */
static int parse_action(struct parser *p, struct jsonpath_item *item, struct str action, bool *end)
{
    item->type = JSONPATH_ACTION;
    if (take_keyword(&action, STR("range")))
        return parse_range(p, item, action);
    *end = take_keyword(&action, STR("end"));
    if (*end && p->ranges == 0)
        return err_set(p->err, ERR_INVALID, "not in range, nothing to end");
    return parse_steps(p, action, &item->steps, 0);
}

static int take_action(struct parser *p, struct str *action)
{
    struct str s = str_skip(p->rest, 1);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'' || s.p[i] == '"') {
            size_t n = quoted_length(str_skip(s, i));
            if (n == 0)
                return err_set(p->err, ERR_INVALID, "unterminated quoted string");
            i += n - 1;
        } else if (s.p[i] == '\\') {
            i++;
        } else if (s.p[i] == '}') {
            *action = str_take(s, i);
            p->rest = str_skip(s, i + 1);
            return 0;
        }
    }
    return err_set(p->err, ERR_INVALID, "unclosed action");
}

/* Up to the end of the template or, inside a range, to its {end}. */
static int parse_items(struct parser *p, struct jsonpath_item **out)
{
    struct jsonpath_item **last = out;
    *last = NULL;
    while (p->rest.n) {
        struct jsonpath_item *item = ARENA_NEW(p->path->arena, struct jsonpath_item);
        ptrdiff_t brace = str_find_char(p->rest, '{');
        struct str action = { 0 };
        bool end = false;
        if (brace != 0) {
            item->text = str_take(p->rest, brace < 0 ? p->rest.n : (size_t)brace);
            p->rest = str_skip(p->rest, item->text.n);
        } else if (take_action(p, &action) || parse_action(p, item, action, &end)) {
            return -1;
        }
        if (end)
            return 0;
        *last = item;
        last = &item->next;
    }
    return 0;
}

static int parse_template(struct jsonpath **out, struct str template, struct err *err)
{
    struct arena *a = arena_new();
    AUTO(jsonpath_freep) struct jsonpath *path = ARENA_NEW(a, struct jsonpath);
    path->arena = a;
    struct parser p = { .path = path, .rest = arena_str(a, template), .err = err };
    if (parse_items(&p, &path->items))
        return -1;
    *out = TAKE(path);
    return 0;
}

static int check_length(struct str text, struct err *err)
{
    if (text.n <= JSONPATH_TEXT_MAX)
        return 0;
    return err_set(err, ERR_TOO_LARGE, "jsonpath: template longer than %d bytes",
                   JSONPATH_TEXT_MAX);
}

int jsonpath_parse(struct jsonpath **out, struct str template, struct err *err)
{
    return check_length(template, err) ? -1 : parse_template(out, template, err);
}

int jsonpath_parse_path(struct jsonpath **out, struct str path, struct err *err)
{
    struct str s = str_trim(path);
    if (check_length(s, err))
        return -1;
    if (s.n > 1 && s.p[0] == '{' && s.p[s.n - 1] == '}')
        s = str_trim(str_take(str_skip(s, 1), s.n - 2));
    if (s.n == 0 || str_find_char(s, '{') >= 0)
        return err_set(err, ERR_INVALID,
                       "unexpected path string, expected a 'name1.name2' or '.name1.name2' or "
                       "'{name1.name2}' or '{.name1.name2}'");
    struct buf b;
    buf_init(&b, JSONPATH_TEXT_MAX + 8);
    buf_char(&b, '{');
    if (s.p[0] != '.' && s.p[0] != '[' && s.p[0] != '$' && s.p[0] != '@')
        buf_char(&b, '.');
    buf_str(&b, s);
    buf_char(&b, '}');
    int rc = parse_template(out, buf_view(&b), err);
    buf_fini(&b);
    return rc;
}

void jsonpath_free(struct jsonpath *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->literals.n; i++)
        json_doc_unref(p->literals.items[i]);
    jsonpath_docs_fini(&p->literals);
    arena_free(p->arena);
}
