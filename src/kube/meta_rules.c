/* SPDX-License-Identifier: Apache-2.0
 * meta_rules — which texts may be names, keys and values; see meta.h. The words are those of
 * k8s.io/apimachinery's util/validation, so that users find them where they always look. */
#include "kube/meta.h"

#define LABEL_MAX 63
#define SUBDOMAIN_MAX 253
#define PORT_NAME_MAX 15

#define TEXT_QUALIFIED                                                                             \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "    \
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "         \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define TEXT_SUBDOMAIN                                                                             \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

static void wrong(struct meta_wrong *w, const char *text)
{
    if (w->n < META_WRONG_MAX)
        w->texts[w->n++] = text;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_lower_alnum(char c)
{
    return is_lower(c) || char_is_digit(c);
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool all_of(struct str s, bool (*ok)(char c))
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ok(s.p[i]))
            return false;
    }
    return true;
}

static bool label_char(char c)
{
    return is_lower_alnum(c) || c == '-';
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? */
static bool is_label(struct str s)
{
    return s.n > 0 && all_of(s, label_char) && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

static bool is_subdomain(struct str s)
{
    for (struct str rest = s; rest.p;) {
        if (!is_label(str_split(&rest, '.')))
            return false;
    }
    return s.n > 0;
}

static bool qualified_char(char c)
{
    return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool is_qualified_part(struct str s)
{
    return s.n > 0 && all_of(s, qualified_char) && is_alnum(s.p[0]) && is_alnum(s.p[s.n - 1]);
}

struct meta_wrong meta_dns_label(struct str s)
{
    struct meta_wrong w = { 0 };
    if (s.n > LABEL_MAX)
        wrong(&w, "must be no more than 63 characters");
    if (is_label(s))
        return w;
    wrong(&w, is_subdomain(s)
                  ? "must not contain dots"
                  : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters "
                    "or '-', and must start and end with an alphanumeric character (e.g. "
                    "'my-name',  or '123-abc', regex used for validation is "
                    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
    return w;
}

struct meta_wrong meta_dns_label_1035(struct str s)
{
    struct meta_wrong w = { 0 };
    if (s.n > LABEL_MAX)
        wrong(&w, "must be no more than 63 characters");
    if (!is_label(s) || !is_lower(s.p[0]))
        wrong(&w, "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
                  "start with an alphabetic character, and end with an alphanumeric character "
                  "(e.g. 'my-name',  or 'abc-123', regex used for validation is "
                  "'[a-z]([-a-z0-9]*[a-z0-9])?')");
    return w;
}

struct meta_wrong meta_dns_subdomain(struct str s)
{
    struct meta_wrong w = { 0 };
    if (s.n > SUBDOMAIN_MAX)
        wrong(&w, "must be no more than 253 characters");
    if (!is_subdomain(s))
        wrong(&w, TEXT_SUBDOMAIN);
    return w;
}

struct meta_wrong meta_label_value(struct str s)
{
    struct meta_wrong w = { 0 };
    if (s.n > LABEL_MAX)
        wrong(&w, "must be no more than 63 bytes");
    if (s.n > 0 && !is_qualified_part(s))
        wrong(&w, "a valid label must be an empty string or consist of alphanumeric characters, "
                  "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
                  "'MyValue',  or 'my_value',  or '12345', regex used for validation is "
                  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
    return w;
}

struct meta_wrong meta_qualified_name(struct str s)
{
    struct meta_wrong w = { 0 };
    ptrdiff_t slash = str_find_char(s, '/');
    struct str name = s;
    if (slash >= 0) {
        struct str prefix = str_take(s, (size_t)slash);
        name = str_skip(s, (size_t)slash + 1);
        if (str_find_char(name, '/') >= 0) {
            wrong(&w, "a valid label key " TEXT_QUALIFIED
                      " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
            return w;
        }
        if (prefix.n == 0) {
            wrong(&w, "prefix part must be non-empty");
        } else {
            if (prefix.n > SUBDOMAIN_MAX)
                wrong(&w, "prefix part must be no more than 253 characters");
            if (!is_subdomain(prefix))
                wrong(&w, "prefix part " TEXT_SUBDOMAIN);
        }
    }
    if (name.n == 0)
        wrong(&w, "name part must be non-empty");
    else if (name.n > LABEL_MAX)
        wrong(&w, "name part must be no more than 63 bytes");
    if (!is_qualified_part(name))
        wrong(&w, "name part " TEXT_QUALIFIED);
    return w;
}

struct meta_wrong meta_path_segment(struct str s)
{
    struct meta_wrong w = { 0 };
    if (str_is(s, "."))
        wrong(&w, "may not be '.'");
    if (str_is(s, ".."))
        wrong(&w, "may not be '..'");
    if (str_find_char(s, '/') >= 0)
        wrong(&w, "may not contain '/'");
    if (str_find_char(s, '%') >= 0)
        wrong(&w, "may not contain '%'");
    return w;
}

static bool has_letter(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_lower(s.p[i]))
            return true;
    }
    return false;
}

struct meta_wrong meta_port_name(struct str s)
{
    struct meta_wrong w = { 0 };
    if (s.n > PORT_NAME_MAX)
        wrong(&w, "must be no more than 15 characters");
    if (s.n == 0 || !all_of(s, label_char))
        wrong(&w, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    if (!has_letter(s))
        wrong(&w, "must contain at least one letter (a-z)");
    if (str_find(s, STR("--")) >= 0)
        wrong(&w, "must not contain consecutive hyphens");
    if (s.n > 0 && (s.p[0] == '-' || s.p[s.n - 1] == '-'))
        wrong(&w, "must not begin or end with a hyphen");
    return w;
}

static bool env_char(char c)
{
    return c >= ' ' && c <= '~' && c != '=';
}

struct meta_wrong meta_env_name(struct str s)
{
    struct meta_wrong w = { 0 };
    if (s.n == 0 || !all_of(s, env_char))
        wrong(&w, "a valid environment variable name must consist only of printable ASCII "
                  "characters other than '='");
    return w;
}

struct meta_wrong meta_config_key(struct str s)
{
    struct meta_wrong w = { 0 };
    if (s.n > SUBDOMAIN_MAX)
        wrong(&w, "must be no more than 253 characters");
    if (s.n == 0 || !all_of(s, qualified_char))
        wrong(&w, "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                  "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
                  "'[-._a-zA-Z0-9]+')");
    if (str_is(s, "."))
        wrong(&w, "must not be '.'");
    else if (str_is(s, ".."))
        wrong(&w, "must not be '..'");
    else if (str_starts(s, STR("..")))
        wrong(&w, "must not start with '..'");
    return w;
}
