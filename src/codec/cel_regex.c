/* SPDX-License-Identifier: Apache-2.0
 * cel_regex — matches, find and findAll with RE2's syntax on PCRE2. What RE2 refuses (back
 * references, lookaround, possessive and atomic groups, recursion, conditions, verbs) is refused
 * here too, so what is left means the same in both, with the leftmost-first match. RE2 never
 * backtracks; PCRE2 does, within REGEX_STEPS and REGEX_DEPTH: a pattern that needs more is an
 * evaluation error, never a wait. docs/design/dependencies.md tells why this and not RE2. */
#include "codec/cel_internal.h"

#define PATTERN_MAX 10000 /* bytes */
#define REPEAT_MAX 1000   /* {n}, as RE2 */
#define REGEX_STEPS 100000
#define REGEX_DEPTH 10000
#define REGEX_HEAP_KIB 4096

/* ---- RE2's syntax ---- */

struct scan {
    struct str s;
    size_t at;
    bool in_class;
    bool quantified; /* what stands before is a quantifier */
    struct err *err;
};

static int refuse(struct scan *x, const char *what)
{
    return err_set(x->err, ERR_INVALID, "error parsing regexp: %s", what);
}

static char peek(const struct scan *x, size_t ahead)
{
    return x->at + ahead < x->s.n ? x->s.p[x->at + ahead] : '\0';
}

/* Behind a backslash: letters that mean the same in RE2 and PCRE2, and all that is no letter. */
static int scan_escape(struct scan *x)
{
    char c = peek(x, 1);
    if (x->at + 1 >= x->s.n)
        return refuse(x, "trailing backslash at end of expression");
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if ((letter && str_find_char(STR("aftnrvxdDsSwWbBAzpPQE"), c) < 0) || (c >= '1' && c <= '9'))
        return refuse(x, "invalid escape sequence");
    x->at += 2;
    ptrdiff_t end = c == 'Q' ? str_find(str_skip(x->s, x->at), STR("\\E")) : 0;
    x->at = end < 0 ? x->s.n : x->at + (size_t)end; /* quoted text has no syntax */
    return 0;
}

/* "(?…": flags, non-capturing and named groups only. */
static int scan_group(struct scan *x)
{
    x->at++;
    if (peek(x, 0) == '*')
        return refuse(x, "missing argument to repetition operator: `*`");
    if (peek(x, 0) != '?')
        return 0;
    x->at++;
    if (peek(x, 0) == 'P')
        x->at++;
    if (peek(x, 0) == '<') {
        char c = peek(x, 1);
        if (c != '_' && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            return refuse(x, "invalid or unsupported Perl syntax");
        return 0;
    }
    while (peek(x, 0) && str_find_char(STR("imsU-"), peek(x, 0)) >= 0)
        x->at++;
    if (peek(x, 0) != ':' && peek(x, 0) != ')')
        return refuse(x, "invalid or unsupported Perl syntax");
    x->at++;
    return 0;
}

/* {n}, {n,}, {n,m}: how long it is, 0 when it is plain text; false: too many. */
static bool repeat_length(const struct scan *x, size_t *len)
{
    size_t i = 1;
    uint32_t number = 0, most = 0;
    bool digits = false;
    *len = 0;
    for (;; i++) {
        char c = peek(x, i);
        if (char_is_digit(c)) {
            digits = true;
            number = number > REPEAT_MAX ? number : number * 10 + (uint32_t)(c - '0');
            most = number > most ? number : most;
        } else if (c == ',' && digits && number != UINT32_MAX) {
            number = 0;
        } else {
            break;
        }
    }
    if (peek(x, i) != '}' || !digits)
        return true;
    *len = i + 1;
    return most <= REPEAT_MAX;
}

static int scan_quantifier(struct scan *x)
{
    size_t len = 1;
    if (peek(x, 0) == '{' && !repeat_length(x, &len))
        return refuse(x, "invalid repeat count");
    if (len == 0) {
        x->at++;
        x->quantified = false;
        return 0;
    }
    if (x->quantified)
        return refuse(x, "invalid nested repetition operator");
    x->at += len;
    if (peek(x, 0) == '?') /* lazy */
        x->at++;
    x->quantified = true;
    return 0;
}

static int scan_class_end(struct scan *x)
{
    char c = peek(x, 0);
    if (c == '[' && peek(x, 1) == ':')
        x->at++;
    else if (c == ']')
        x->in_class = false;
    x->at++;
    return 0;
}

static void scan_class_start(struct scan *x)
{
    x->in_class = true;
    x->at++;
    if (peek(x, 0) == '^')
        x->at++;
    if (peek(x, 0) == ']') /* the first one is itself */
        x->at++;
}

static int scan_one(struct scan *x)
{
    char c = peek(x, 0);
    if (c == '\\') {
        x->quantified = false;
        return scan_escape(x);
    }
    if (x->in_class)
        return scan_class_end(x);
    if (str_find_char(STR("*+?{"), c) >= 0)
        return scan_quantifier(x);
    x->quantified = false;
    if (c == '[')
        scan_class_start(x);
    else if (c == '(')
        return scan_group(x);
    else
        x->at++;
    return 0;
}

static int check_syntax(struct str pattern, struct err *err)
{
    struct scan x = { .s = pattern, .err = err };
    while (x.at < x.s.n) {
        if (scan_one(&x))
            return -1;
    }
    return 0;
}

pcre2_code *cel_regex_compile(struct str pattern, struct err *err)
{
    int code;
    PCRE2_SIZE at;
    if (pattern.n > PATTERN_MAX) {
        err_set(err, ERR_TOO_LARGE, "pattern longer than %d bytes", PATTERN_MAX);
        return NULL;
    }
    if (check_syntax(pattern, err))
        return NULL;
    pcre2_code *out = pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n,
                                    PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY |
                                        PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_START_OPTIMIZE,
                                    &code, &at, NULL);
    if (out)
        return out;
    char why[128];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    err_set(err, ERR_INVALID, "error parsing regexp: %s at %zu", why, at);
    return NULL;
}

/* ---- matching ---- */

struct search { /* over one text */
    struct cel_state *e;
    pcre2_code *code;
    bool own; /* the code was compiled for this call */
    pcre2_match_data *data;
    pcre2_match_context *limits;
    struct str text;
    struct cel_value failed;
};

static bool search_open(struct search *s, struct cel_state *e, const struct cel_value *v)
{
    *s = (struct search){ .e = e, .code = e->node->regex, .text = v[0].s };
    uint64_t cost = (1 + cel_bytes_cost(v[0].s.n)) * (1 + v[1].s.n / 4);
    struct err err;
    if (!cel_charge(e, cost)) {
        s->failed = cel_spent(e);
        return false;
    }
    if (!s->code) {
        s->own = true;
        s->code = cel_regex_compile(v[1].s, &err);
    }
    if (!s->code) {
        s->failed = cel_error(e, "%s", err.msg);
        return false;
    }
    s->data = pcre2_match_data_create(1, NULL);
    s->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(s->limits, REGEX_STEPS);
    pcre2_set_depth_limit(s->limits, REGEX_DEPTH);
    pcre2_set_heap_limit(s->limits, REGEX_HEAP_KIB);
    return true;
}

static void search_close(struct search *s)
{
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->limits);
    if (s->own)
        pcre2_code_free(s->code);
}

/* The next match at byte `from` or behind: 1 found, 0 none, -1 failed. */
static int search_next(struct search *s, size_t from, struct str *found)
{
    int rc = pcre2_match(s->code, (PCRE2_SPTR)(s->text.p ? s->text.p : ""), s->text.n, from,
                         PCRE2_NO_UTF_CHECK, s->data, s->limits);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0) {
        s->failed = cel_error(s->e, "the pattern needs too many steps on this text");
        return -1;
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
    *found = str_make((s->text.p ? s->text.p : "") + at[0], at[1] - at[0]);
    return 1;
}

static struct cel_value matches(struct cel_state *e, const struct cel_value *v)
{
    struct search s;
    struct str found;
    if (!search_open(&s, e, v))
        return s.failed;
    int rc = search_next(&s, 0, &found);
    search_close(&s);
    return rc < 0 ? s.failed : cel_bool(rc > 0);
}

static struct cel_value find(struct cel_state *e, const struct cel_value *v)
{
    struct search s;
    struct str found = STR("");
    if (!search_open(&s, e, v))
        return s.failed;
    int rc = search_next(&s, 0, &found);
    search_close(&s);
    return rc < 0 ? s.failed : cel_str(found);
}

VEC_TYPE(found_vec, struct str);

/* All matches that do not overlap; an empty one directly behind another does not count. */
static int collect(struct search *s, uint64_t most, struct found_vec *out)
{
    size_t from = 0, last_end = SIZE_MAX;
    struct str found;
    while (out->n < most && from <= s->text.n) {
        int rc = cel_charge(s->e, 1) ? search_next(s, from, &found) : -1;
        if (rc <= 0)
            return rc;
        size_t end = (size_t)(found.p - (s->text.p ? s->text.p : "")) + found.n;
        if (found.n || end != last_end)
            found_vec_push(out, found);
        last_end = end;
        from = end;
        if (found.n)
            continue;
        struct str rest = str_skip(s->text, end);
        if (rest.n == 0)
            return 0;
        cel_rune(&rest);
        from = s->text.n - rest.n;
    }
    return 0;
}

static struct cel_value find_up_to(struct cel_state *e, const struct cel_value *v, uint64_t most)
{
    struct search s;
    if (!search_open(&s, e, v))
        return s.failed;
    struct found_vec found = { 0 };
    int rc = collect(&s, most, &found);
    search_close(&s);
    struct cel_value out = s.failed, *items;
    if (rc == 0 && cel_room(e, found.n, &items)) {
        for (size_t i = 0; i < found.n; i++)
            items[i] = cel_str(found.items[i]);
        out = cel_list_of(e->a, items, found.n);
    }
    found_vec_fini(&found);
    return e->spent ? cel_spent(e) : out;
}

static struct cel_value find_all(struct cel_state *e, const struct cel_value *v)
{
    return find_up_to(e, v, UINT64_MAX);
}

static struct cel_value find_some(struct cel_state *e, const struct cel_value *v)
{
    return find_up_to(e, v, v[2].i < 0 ? UINT64_MAX : (uint64_t)v[2].i);
}

static const struct cel_overload rows[] = {
    { "matches", "ss", 'b', true, matches },    { "matches", "ss", 'b', false, matches },
    { "find", "ss", 's', true, find },          { "findAll", "ss", 'X', true, find_all },
    { "findAll", "ssi", 'X', true, find_some },
};

const struct cel_library cel_lib_regex = { rows, COUNT_OF(rows) };
