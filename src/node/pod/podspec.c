/* SPDX-License-Identifier: Apache-2.0
 * podspec — see podspec.h. */
#include "node/pod/podspec.h"

#include <stdio.h>

#include "kube/names.h"
#include "node/pod/addresses.h"
#include "node/pod/podstate.h"

struct spec_pass {
    struct arena *a;
    const struct podspec *s;
    struct buf *out;
    struct podspec_trouble *trouble;
    size_t container;
    struct env env;
};

static int refuse(struct spec_pass *p, const char *reason, bool final, struct str message)
{
    *p->trouble = (struct podspec_trouble){
        .reason = str_from(reason), .message = message, .container = p->container, .final = final
    };
    return -1;
}

/* Texts of the API may hold a NUL by an escape; nothing on this side can. */
static int put(struct spec_pass *p, const char *key, struct str value)
{
    if (value.n && memchr(value.p, '\0', value.n))
        return refuse(p, "CreateContainerConfigError", true,
                      arena_printf(p->a, "a NUL character in %s", key));
    buf_put(p->out, key, strlen(key) + 1);
    buf_str(p->out, value);
    buf_char(p->out, '\0');
    return 0;
}

static int put_i64(struct spec_pass *p, const char *key, int64_t value)
{
    return put(p, key, arena_printf(p->a, "%lld", (long long)value));
}

/* ---- command ---- */

static int put_list(struct spec_pass *p, struct json list)
{
    struct json_iter it = json_iter(list);
    while (json_next(&it))
        if (put(p, "arg", podenv_expand(p->a, &p->env, json_str(it.value))) < 0)
            return -1;
    return 0;
}

/* The image without its tag or digest. */
static struct str repository(struct str image)
{
    ptrdiff_t at = str_find_char(image, '@');
    if (at >= 0)
        image.n = (size_t)at;
    for (size_t i = image.n; i > 0 && image.p[i - 1] != '/'; i--)
        if (image.p[i - 1] == ':')
            return str_take(image, i - 1);
    return image;
}

static const struct node_image_command *command_of(const struct podspec *s, struct str image)
{
    for (size_t i = 0; i < s->n_images; i++) {
        struct str known = s->images[i].image;
        if (str_eq(known, image) ||
            (str_eq(known, repository(known)) && str_eq(known, repository(image))))
            return &s->images[i];
    }
    return NULL;
}

static int put_command(struct spec_pass *p, const struct container *c, uint64_t *paused)
{
    struct json command = json_get(c->raw, STR("command")), args = json_get(c->raw, STR("args"));
    if (json_len(command))
        return put_list(p, command) < 0 ? -1 : put_list(p, args);
    const struct node_image_command *known = command_of(p->s, c->image);
    if (known) {
        for (size_t i = 0; i < known->n; i++)
            if (put(p, "arg", known->argv[i]) < 0)
                return -1;
        return put_list(p, args);
    }
    bool init = p->container < pod_of(p->s->pod)->init_containers.n;
    if (pod_of(p->s->pod)->restart_policy != POD_RESTART_ALWAYS || (init && !c->sidecar))
        return refuse(
            p, "ImageNotRunnable", true,
            arena_printf(p->a,
                         "container \"%.*s\" names no command, and the local node does not "
                         "pull images: set its command, or map the image \"%.*s\" to a "
                         "command in the node's configuration",
                         STR_ARG(c->name), STR_ARG(c->image)));
    *paused |= UINT64_C(1) << p->container;
    return put(p, "pause", STR("1"));
}

/* ---- mounts ---- */

static struct json volume_named(const struct kobj *pod, struct str name)
{
    struct json_iter it = json_iter(kobj_path(pod, "spec.volumes"));
    while (json_next(&it))
        if (str_eq(json_str(json_get(it.value, STR("name"))), name))
            return it.value;
    return (struct json){ 0 };
}

/* No step of a path below a volume may lead out of it. */
static bool stays_inside(struct str path)
{
    if (path.n && path.p[0] == '/')
        return false;
    while (path.n)
        if (str_is(str_split(&path, '/'), ".."))
            return false;
    return true;
}

static int put_mount(struct spec_pass *p, struct json mount)
{
    struct str name = json_str(json_get(mount, STR("name")));
    struct str target = json_str(json_get(mount, STR("mountPath")));
    struct str sub = json_str(json_get(mount, STR("subPath")));
    struct str sub_expr = json_str(json_get(mount, STR("subPathExpr")));
    struct json volume = volume_named(p->s->pod, name);
    if (sub_expr.n)
        sub = podenv_expand(p->a, &p->env, sub_expr);
    if (!json_exists(volume) || !target.n || !stays_inside(sub))
        return refuse(p, "CreateContainerConfigError", true,
                      arena_printf(p->a, "volume mount \"%.*s\" cannot be made", STR_ARG(name)));
    struct json host = json_get(volume, STR("hostPath"));
    struct str source =
        json_has(host) ? json_str(json_get(host, STR("path")))
                       : arena_printf(p->a, "%.*s/volumes/%.*s", STR_ARG(p->s->dir), STR_ARG(name));
    if (sub.n)
        source = arena_printf(p->a, "%.*s/%.*s", STR_ARG(source), STR_ARG(sub));
    if (target.p[0] != '/')
        target = arena_printf(p->a, "/%.*s", STR_ARG(target));
    while (target.n > 1 && target.p[target.n - 1] == '/')
        target.n--;
    if (put(p, "mount-source", source) < 0)
        return -1;
    if (json_bool(json_get(mount, STR("readOnly")), false) && put(p, "mount-ro", STR("1")) < 0)
        return -1;
    return put(p, "mount-target", target);
}

static int put_mounts(struct spec_pass *p, const struct container *c)
{
    struct json_iter it = json_iter(json_get(c->raw, STR("volumeMounts")));
    while (json_next(&it))
        if (put_mount(p, it.value) < 0)
            return -1;
    return 0;
}

/* ---- user, cells ---- */

static struct json security(struct spec_pass *p, const struct container *c, const char *key)
{
    struct json own = json_get(json_get(c->raw, STR("securityContext")), str_from(key));
    struct json pod = kobj_path(p->s->pod, "spec.securityContext");
    return json_has(own) ? own : json_get(pod, str_from(key));
}

static int put_user(struct spec_pass *p, const struct container *c)
{
    struct json pod = kobj_path(p->s->pod, "spec.securityContext");
    int64_t id;
    if (json_i64(security(p, c, "runAsUser"), &id) && put_i64(p, "uid", id) < 0)
        return -1;
    if (json_i64(security(p, c, "runAsGroup"), &id) && put_i64(p, "gid", id) < 0)
        return -1;
    if (json_i64(json_get(pod, STR("fsGroup")), &id) && put_i64(p, "group", id) < 0)
        return -1;
    struct json_iter it = json_iter(json_get(pod, STR("supplementalGroups")));
    while (json_next(&it))
        if (json_i64(it.value, &id) && put_i64(p, "group", id) < 0)
            return -1;
    return 0;
}

/* "0,1 exclusive": the cells the scheduler chose. */
static int put_cells(struct spec_pass *p)
{
    struct str text = kobj_annotation(p->s->pod, STR(NAME_NUMA_CELLS));
    struct str cells = str_split(&text, ' ');
    struct buf cpus;
    int rc = 0;
    if (!cells.n)
        return 0;
    buf_init(&cpus, 4096);
    for (struct str rest = cells; rest.n;) {
        int64_t cell;
        if (str_to_i64(str_split(&rest, ','), &cell) && cell >= 0 && (size_t)cell < p->s->n_cells)
            buf_printf(&cpus, "%s%.*s", cpus.n ? "," : "", STR_ARG(p->s->cell_cpus[cell]));
    }
    if (cpus.n) /* else a machine whose cells are unknown: nothing to bind to */
        rc = put(p, "cpus", buf_view(&cpus)) < 0 ? -1 : put(p, "mems", cells);
    buf_fini(&cpus);
    return rc;
}

/* ---- the whole ---- */

static int put_env(struct spec_pass *p)
{
    for (size_t i = 0; i < p->env.n; i++) {
        const struct env_var *v = &p->env.items[i];
        if (put(p, "env", arena_printf(p->a, "%.*s=%.*s", STR_ARG(v->name), STR_ARG(v->value))) < 0)
            return -1;
    }
    return 0;
}

static int put_container(struct spec_pass *p, const struct container *c, uint64_t *paused)
{
    struct str dir = json_str(json_get(c->raw, STR("workingDir")));
    if (podenv_make(&p->env, p->a, p->s, p->container, p->trouble) < 0)
        return -1;
    if (put(p, "container", c->name) < 0 || put_command(p, c, paused) < 0 || put_env(p) < 0)
        return -1;
    if (dir.n && put(p, "dir", podenv_expand(p->a, &p->env, dir)) < 0)
        return -1;
    for (size_t i = 0; i < p->s->n_cgroups; i++)
        if (put(p, "cgroup", p->s->cgroups[i]) < 0)
            return -1;
    return put_mounts(p, c) < 0 || put_user(p, c) < 0 || put_cells(p) < 0 ? -1 : 0;
}

static bool too_large(struct spec_pass *p)
{
    if (p->out->failed)
        refuse(p, "CreateContainerConfigError", true,
               STR("the pod's commands and environment are too large"));
    return p->out->failed;
}

int podspec_write(struct buf *out,
                  struct arena *a,
                  const struct podspec *s,
                  uint64_t *paused,
                  struct podspec_trouble *trouble)
{
    const struct pod *pod = pod_of(s->pod);
    struct spec_pass p = { .a = a, .s = s, .out = out, .trouble = trouble };
    size_t n = pod->init_containers.n + pod->containers.n;
    uint64_t bits = 0;
    if (n > PODSTATE_RUNS_MAX)
        return refuse(&p, "TooManyContainers", true,
                      arena_printf(a, "a pod has %d containers at most on the local node",
                                   PODSTATE_RUNS_MAX));
    put_i64(&p, "log-bytes", s->log_bytes);
    put_i64(&p, "log-files", s->log_files);
    if (s->link.n) {
        put(&p, "network-address", s->pod_ip);
        put(&p, "network-gateway", STR(ADDRESSES_GATEWAY));
        put(&p, "network-link", s->link);
    }
    for (p.container = 0; p.container < n; p.container++)
        if (put_container(&p, podstate_container(pod, p.container), &bits) < 0)
            return -1;
    if (too_large(&p))
        return -1;
    *paused = bits;
    return 0;
}

int podspec_write_container(struct buf *out,
                            struct arena *a,
                            const struct podspec *s,
                            size_t container,
                            struct podspec_trouble *trouble)
{
    struct spec_pass p = { .a = a, .s = s, .out = out, .trouble = trouble, .container = container };
    uint64_t paused = 0;
    if (put_container(&p, podstate_container(pod_of(s->pod), container), &paused) < 0)
        return -1;
    return too_large(&p) ? -1 : 0;
}
