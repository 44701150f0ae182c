/* SPDX-License-Identifier: Apache-2.0
 * identity — see identity.h. */
#include "apiserver/identity.h"

#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "codec/base64.h"
#include "io/clock.h"
#include "io/file.h"

#define CA_DAYS 3650
#define CERT_DAYS 397
#define SECRET_BYTES 32
#define TOKEN_CHARS_MIN 16
#define PEM_BYTES_MAX 65536

/* Reads DIR/NAME into a string to free; NULL when there is no such file. */
static int load_text(char **out, const char *dir, const char *name, struct err *err)
{
    struct buf path, text;
    buf_init(&path, 4096);
    buf_init(&text, PEM_BYTES_MAX);
    buf_printf(&path, "%s/%s", dir, name);
    int rc = 0;
    *out = NULL;
    if (path.failed)
        rc = err_set(err, ERR_INVALID, "the path of the data directory is too long");
    else if (file_exists(path.p))
        rc = file_read(&text, path.p, err);
    if (rc == 0 && text.n > 0)
        *out = str_dup(str_trim(buf_view(&text)));
    buf_fini(&path);
    buf_fini(&text);
    return rc;
}

static int save_text(const char *dir, const char *name, const char *value, struct err *err)
{
    struct buf path;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/%s", dir, name);
    int rc = path.failed ? err_set(err, ERR_INVALID, "the path of the data directory is too long")
                         : file_write_atomic(path.p, str_from(value), 0600, err);
    buf_fini(&path);
    return rc;
}

static char *new_secret(void)
{
    uint8_t random[SECRET_BYTES];
    clock_random(random, sizeof random);
    struct buf b;
    buf_init(&b, 4 * SECRET_BYTES);
    base64_encode(&b, str_make(random, sizeof random), BASE64_URL_RAW);
    char *text = str_dup(buf_view(&b));
    buf_fini(&b);
    return text;
}

static int make_ca(struct apiserver *s, const char *dir, struct err *err)
{
    if (tls_make_ca(&s->ca, STR("ganglion-ca"), api_now(s), CA_DAYS, err) != 0)
        return -1;
    if (!dir)
        return 0;
    if (save_text(dir, "ca.key", s->ca.key_pem, err) != 0)
        return -1;
    return save_text(dir, "ca.crt", s->ca.cert_pem, err);
}

static int need_secret(char **secret, const char *dir, const char *name, struct err *err)
{
    if (*secret)
        return 0;
    *secret = new_secret();
    return dir ? save_text(dir, name, *secret, err) : 0;
}

/* Also one that somebody chose. */
static bool is_token(const char *s)
{
    size_t n = 0;
    while (s[n] > ' ' && s[n] < 0x7f && s[n] != '"' && s[n] != '\\' && s[n] != '#')
        n++;
    return s[n] == '\0' && n >= TOKEN_CHARS_MIN;
}

static int damaged(struct err *err, const char *what)
{
    if (err)
        err->kind = ERR_IO; /* the file is wrong, not the command line */
    return err_wrap(err, "%s of the data directory: restore it, or remove it to get a new one",
                    what);
}

int identity_load(struct apiserver *s, const char *dir, struct err *err)
{
    if (dir && (load_text(&s->ca.cert_pem, dir, "ca.crt", err) != 0 ||
                load_text(&s->ca.key_pem, dir, "ca.key", err) != 0 ||
                load_text(&s->token, dir, "admin.token", err) != 0 ||
                load_text(&s->token_key, dir, "sa.key", err) != 0))
        return -1;
    if (!s->ca.cert_pem || !s->ca.key_pem) {
        tls_pair_fini(&s->ca);
        if (make_ca(s, dir, err) != 0)
            return -1;
    }
    if (need_secret(&s->token_key, dir, "sa.key", err) != 0 ||
        need_secret(&s->token, dir, "admin.token", err) != 0)
        return -1;
    if (is_token(s->token))
        return 0;
    err_set(err, ERR_INVALID, "not %d or more printable characters", TOKEN_CHARS_MIN);
    return damaged(err, "admin.token");
}

int identity_server(struct apiserver *s, struct str address, struct err *err)
{
    const struct str hosts[] = { STR("localhost"), STR("127.0.0.1"), STR("::1"),
                                 STR("kubernetes.default.svc"), address };
    struct tls_cert_request r = { .common_name = STR("ganglion-apiserver"),
                                  .hosts = hosts,
                                  .n_hosts = COUNT_OF(hosts),
                                  .server = true,
                                  .valid_days = CERT_DAYS };
    struct tls_pair own = { 0 };
    if (tls_make_cert(&own, &s->ca, &r, api_now(s), err) != 0)
        return damaged(err, "ca.crt and ca.key");
    int rc = tls_server_new(&s->tls, str_from(own.cert_pem), str_from(own.key_pem),
                            str_from(s->ca.cert_pem), err);
    tls_pair_fini(&own);
    return rc;
}

static void put_base64(struct buf *b, const char *text)
{
    base64_encode(b, str_from(text), BASE64_STD);
}

int apiserver_write_kubeconfig(struct apiserver *s, const char *path, struct err *err)
{
    struct buf b;
    buf_init(&b, 4 * PEM_BYTES_MAX);
    buf_printf(&b,
               "apiVersion: v1\nkind: Config\nclusters:\n- name: " APISERVER_CLUSTER
               "\n  cluster:\n"
               "    server: %s\n    certificate-authority-data: ",
               s->url ? s->url : "");
    put_base64(&b, s->ca.cert_pem);
    buf_printf(&b,
               "\nusers:\n- name: ganglion-admin\n  user:\n    token: %s\ncontexts:\n"
               "- name: " APISERVER_CLUSTER "\n  context:\n    cluster: " APISERVER_CLUSTER
               "\n    user: ganglion-admin\n"
               "current-context: " APISERVER_CLUSTER "\n",
               s->token);
    int rc = b.failed ? err_set(err, ERR_TOO_LARGE, "the kubeconfig is too large")
                      : file_write_atomic(path, buf_view(&b), 0600, err);
    buf_fini(&b);
    return rc;
}
