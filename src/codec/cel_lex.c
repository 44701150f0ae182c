/* SPDX-License-Identifier: Apache-2.0
 * cel_lex — bytes to tokens, by the lexical grammar of the CEL language definition. Text was
 * checked to be UTF-8 before. */
#include <stdarg.h>
#include <stdio.h>

#include "codec/cel_internal.h"

/* ---- code points ---- */

size_t cel_put_rune(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(leads[n] | c);
    return n;
}

uint32_t cel_rune(struct str *s)
{
    unsigned char lead = (unsigned char)s->p[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (n > s->n)
        n = s->n;
    uint32_t c = n == 1 ? lead : lead & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s->p[i] & 0x3f);
    *s = str_skip(*s, n);
    return c;
}

size_t cel_rune_count(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* ---- errors ---- */

int cel_vfail_at(struct err *err, struct cel_place place, const char *fmt, va_list ap)
{
    char what[180];
    vsnprintf(what, sizeof what, fmt, ap);
    struct str before = str_take(place.text, place.at);
    size_t line = 1;
    for (size_t i = 0; i < before.n; i++)
        line += before.p[i] == '\n';
    while (str_find_char(before, '\n') >= 0)
        before = str_skip(before, (size_t)str_find_char(before, '\n') + 1);
    return err_set(err, ERR_INVALID, "ERROR: <input>:%zu:%zu: %s", line, cel_rune_count(before) + 1,
                   what);
}

int cel_fail_at(struct err *err, struct cel_place place, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cel_vfail_at(err, place, fmt, ap);
    va_end(ap);
    return -1;
}

static int fail(struct cel_lexer *x, size_t at, const char *what)
{
    return cel_fail_at(x->err, (struct cel_place){ x->text, (uint32_t)at }, "Syntax error: %s",
                       what);
}

/* ---- lexing ---- */

static char peek(const struct cel_lexer *x, size_t ahead)
{
    return x->at + ahead < x->text.n ? x->text.p[x->at + ahead] : '\0';
}

static bool is_name(char c, bool first)
{
    return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (!first && char_is_digit(c));
}

bool cel_reserved(struct str name)
{
    static const char *const words[] = { "as",   "break",    "const",     "continue", "else",
                                         "for",  "function", "if",        "import",   "let",
                                         "loop", "package",  "namespace", "return",   "var",
                                         "void", "while" };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_is(name, words[i]))
            return true;
    }
    return false;
}

static void skip_space(struct cel_lexer *x)
{
    for (;;) {
        while (x->at < x->text.n && (char_is_space(peek(x, 0)) || peek(x, 0) == '\f'))
            x->at++;
        if (peek(x, 0) != '/' || peek(x, 1) != '/')
            return;
        while (x->at < x->text.n && peek(x, 0) != '\n')
            x->at++;
    }
}

static void skip_digits(struct cel_lexer *x)
{
    while (char_is_digit(peek(x, 0)))
        x->at++;
}

static bool skip_exponent(struct cel_lexer *x)
{
    if ((peek(x, 0) | 0x20) != 'e')
        return false;
    size_t sign = peek(x, 1) == '+' || peek(x, 1) == '-';
    if (!char_is_digit(peek(x, 1 + sign)))
        return false;
    x->at += 1 + sign;
    skip_digits(x);
    return true;
}

static int lex_number(struct cel_lexer *x, struct cel_token *out)
{
    size_t from = x->at;
    out->kind = CEL_TOKEN_INT;
    if (peek(x, 0) == '0' && (peek(x, 1) | 0x20) == 'x' && char_hex(peek(x, 2)) >= 0) {
        x->at += 2;
        while (char_hex(peek(x, 0)) >= 0)
            x->at++;
    } else {
        skip_digits(x);
        bool fraction = peek(x, 0) == '.' && char_is_digit(peek(x, 1));
        if (fraction) {
            x->at++;
            skip_digits(x);
        }
        if (skip_exponent(x) || fraction)
            out->kind = CEL_TOKEN_DOUBLE;
    }
    out->text = str_make(x->text.p + from, x->at - from);
    if (out->kind == CEL_TOKEN_INT && (peek(x, 0) | 0x20) == 'u') {
        out->kind = CEL_TOKEN_UINT;
        x->at++;
    }
    return 0;
}

/* ---- strings ---- */

struct quoted { /* a literal while it is decoded */
    struct cel_lexer *x;
    char quote;
    bool triple, raw, bytes;
    char *out;
    size_t n;
};

/* `digits` digits of the base; -1: they are not there. */
static int64_t escape_number(struct cel_lexer *x, size_t digits, int base)
{
    int64_t v = 0;
    for (size_t i = 0; i < digits; i++) {
        int d = char_hex(peek(x, 0));
        if (d < 0 || d >= base)
            return -1;
        v = v * base + d;
        x->at++;
    }
    return v;
}

static int put_number(struct quoted *q, size_t digits, int base)
{
    size_t at = q->x->at;
    int64_t v = escape_number(q->x, digits, base);
    bool byte = q->bytes && digits <= 3;
    if (v < 0 || (byte && v > 0xff) || (!byte && (v > 0x10ffff || (v & ~0x7ff) == 0xd800)) ||
        (q->bytes && !byte))
        return fail(q->x, at, "invalid escape in a literal");
    if (byte)
        q->out[q->n++] = (char)v;
    else
        q->n += cel_put_rune(q->out + q->n, (uint32_t)v);
    return 0;
}

/* Behind a backslash. */
static int unescape(struct quoted *q)
{
    static const char values[] = "\a\b\f\n\r\t\v\\?\"'`";
    struct cel_lexer *x = q->x;
    char c = peek(x, 0);
    ptrdiff_t simple = c ? str_find_char(STR("abfnrtv\\?\"'`"), c) : -1;
    if (simple >= 0) {
        q->out[q->n++] = values[simple];
        x->at++;
        return 0;
    }
    if (c >= '0' && c <= '3')
        return put_number(q, 3, 8);
    x->at++;
    switch (c) {
    case 'x':
    case 'X':
        return put_number(q, 2, 16);
    case 'u':
        return put_number(q, 4, 16);
    case 'U':
        return put_number(q, 8, 16);
    default:
        return fail(x, x->at - 1, "invalid escape in a literal");
    }
}

static bool at_end(const struct quoted *q)
{
    const struct cel_lexer *x = q->x;
    if (peek(x, 0) != q->quote)
        return false;
    return !q->triple || (peek(x, 1) == q->quote && peek(x, 2) == q->quote);
}

static int lex_string(struct cel_lexer *x, struct quoted *q, struct cel_token *out)
{
    size_t from = x->at;
    q->x = x;
    q->quote = peek(x, 0);
    q->triple = peek(x, 1) == q->quote && peek(x, 2) == q->quote;
    x->at += q->triple ? 3 : 1;
    q->out = arena_alloc(x->a, x->text.n - x->at + 4); /* decoded text is never longer */
    while (!at_end(q)) {
        char c = peek(x, 0);
        if (x->at >= x->text.n || (!q->triple && (c == '\n' || c == '\r')))
            return fail(x, from, "token recognition error: unterminated string");
        x->at++;
        if (c != '\\' || q->raw)
            q->out[q->n++] = c;
        else if (unescape(q))
            return -1;
    }
    x->at += q->triple ? 3 : 1;
    out->kind = q->bytes ? CEL_TOKEN_BYTES : CEL_TOKEN_STRING;
    out->text = arena_str(x->a, str_make(q->out, q->n));
    return 0;
}

/* r"", b"", rb"", br"" and the plain ones; false: no string starts here. */
static bool string_starts(const struct cel_lexer *x, struct quoted *q, size_t *prefix)
{
    *q = (struct quoted){ 0 };
    for (*prefix = 0; *prefix < 3; ++*prefix) {
        char c = peek(x, *prefix);
        if (c == '"' || c == '\'')
            return true;
        bool *flag = (c | 0x20) == 'r' ? &q->raw : (c | 0x20) == 'b' ? &q->bytes : NULL;
        if (!flag || *flag)
            return false;
        *flag = true;
    }
    return false;
}

static int lex_operator(struct cel_lexer *x, struct cel_token *out)
{
    static const char *const two[] = { "&&", "||", "==", "!=", "<=", ">=", ".?", "[?" };
    struct str rest = str_skip(x->text, x->at);
    out->kind = CEL_TOKEN_OP;
    for (size_t i = 0; i < COUNT_OF(two); i++) {
        if (!str_starts(rest, str_from(two[i])))
            continue;
        out->text = str_take(rest, 2);
        x->at += 2;
        return 0;
    }
    if (str_find_char(STR("+-*/%<>!?:.,()[]{}"), rest.p[0]) < 0)
        return cel_fail_at(x->err, (struct cel_place){ x->text, (uint32_t)x->at },
                           "Syntax error: token recognition error at: '%.*s'", (int)1, rest.p);
    out->text = str_take(rest, 1);
    x->at++;
    return 0;
}

int cel_lex(struct cel_lexer *x, struct cel_token *out)
{
    struct quoted q;
    size_t prefix;
    skip_space(x);
    *out = (struct cel_token){ .at = (uint32_t)x->at };
    if (x->at >= x->text.n)
        return 0;
    char c = peek(x, 0);
    if (string_starts(x, &q, &prefix)) {
        x->at += prefix;
        return lex_string(x, &q, out);
    }
    if (char_is_digit(c) || (c == '.' && char_is_digit(peek(x, 1))))
        return lex_number(x, out);
    if (!is_name(c, true))
        return lex_operator(x, out);
    size_t from = x->at;
    while (is_name(peek(x, 0), false))
        x->at++;
    out->kind = CEL_TOKEN_NAME;
    out->text = str_make(x->text.p + from, x->at - from);
    return 0;
}
