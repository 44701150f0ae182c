/* SPDX-License-Identifier: Apache-2.0
 * targets — see targets.h. */
#include "cli/targets.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "codec/yaml.h"
#include "io/file.h"
#include "kube/pod.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)

static int add_types(struct target_vec *out,
                     struct conn *c,
                     struct str types,
                     struct str name,
                     struct err *err)
{
    if (str_is(types, "all"))
        types = STR("pods,services,deployments,replicasets,jobs");
    for (struct str rest = types; rest.p;) {
        const struct resource *r = conn_resource(c, str_split(&rest, ','), err);
        if (!r)
            return -1;
        target_vec_push(out, (struct target){ r, name });
    }
    return 0;
}

int targets_parse(struct target_vec *out, struct conn *c, const struct args *args, struct err *err)
{
    size_t n = args_operands(args);
    const struct cli_verb *v = args_verb(args);
    if (n == 0)
        return err_set(err, ERR_INVALID, "which objects? usage: ganglion %s %s", v->name, v->usage);
    struct str first = args_operand(args, 0);
    if (str_find_char(first, '/') < 0 && n == 1)
        return add_types(out, c, first, (struct str){ 0 }, err);
    for (size_t i = 0; i < n; i++) {
        struct str name = args_operand(args, i), type = str_split(&name, '/');
        if (str_find_char(first, '/') < 0) {
            if (i == 0)
                continue; /* the type of all that follow */
            name = args_operand(args, i);
            type = first;
        }
        if (!name.n)
            return err_set(err, ERR_INVALID, "\"%.*s\" has no name; say TYPE/NAME",
                           STR_ARG(args_operand(args, i)));
        if (add_types(out, c, type, name, err) != 0)
            return -1;
    }
    return 0;
}

/* A ReplicaSet's name starts with that of its Deployment. */
bool target_has_pod(const struct kobj *o, const struct kobj *pod)
{
    struct json owner = kobj_controller(pod);
    struct str kind = json_str(json_get(owner, STR("kind")));
    struct str name = json_str(json_get(owner, STR("name")));
    if (str_eq(json_str(json_get(owner, STR("uid"))), o->uid))
        return true;
    const struct gang_claim *claim = str_is(o->kind, "PodGroup") ? pod_of(pod)->gang : NULL;
    if (claim)
        return str_eq(claim->name, o->name);
    return str_is(kind, "ReplicaSet") && str_is(o->kind, "Deployment") &&
           str_starts(name, o->name) && name.n > o->name.n && name.p[o->name.n] == '-';
}

/* ---- files ---- */

static int add_object(struct manifest_vec *out, struct json_doc *doc, struct err *err)
{
    struct json root = json_root(doc), items = json_get(root, STR("items"));
    struct kobj *o = NULL;
    if (!str_ends(json_str(json_get(root, STR("kind"))), STR("List")) || !json_has(items)) {
        if (!json_str(json_get(root, STR("kind"))).n ||
            !json_str(json_get(root, STR("apiVersion"))).n)
            return err_set(err, ERR_INVALID, "an object has no apiVersion or no kind");
        if (kobj_new(&o, json_doc_ref(doc), err) != 0)
            return -1;
        manifest_vec_push(out, o);
        return 0;
    }
    for (struct json_iter it = json_iter(items); json_next(&it);) {
        if (kobj_parse(&o, json_text(it.value), &json_limits_own, err) != 0)
            return -1;
        manifest_vec_push(out, o);
    }
    return 0;
}

static int read_one(struct manifest_vec *out, const char *path, struct err *err)
{
    struct buf b;
    struct yaml_docs docs = { 0 };
    buf_init(&b, FILE_BYTES_MAX);
    int rc = file_read(&b, path, err);
    if (rc == 0)
        rc = yaml_parse(&docs, buf_view(&b), &json_limits_own, err);
    for (size_t i = 0; i < docs.n && rc == 0; i++)
        rc = add_object(out, docs.items[i], err);
    yaml_docs_unref(&docs);
    buf_fini(&b);
    if (rc != 0 && err && err->kind == ERR_INVALID)
        err->kind = ERR_IO; /* the file is wrong, not the command line */
    return rc == 0 ? 0 : err_wrap(err, "%s", path);
}

static bool is_manifest(const char *name)
{
    struct str s = str_from(name);
    return str_ends(s, STR(".yaml")) || str_ends(s, STR(".yml")) || str_ends(s, STR(".json"));
}

static int read_folder(struct manifest_vec *out, const char *path, struct err *err)
{
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort), rc = 0;
    if (n < 0)
        return err_set(err, ERR_IO, "cannot read the folder %s", path);
    AUTO(arena_freep) struct arena *a = arena_new();
    for (int i = 0; i < n; i++) {
        if (rc == 0 && is_manifest(names[i]->d_name))
            rc = read_one(out, arena_printf(a, "%s/%s", path, names[i]->d_name).p, err);
        free(names[i]);
    }
    free(names);
    return rc;
}

int manifests_read(struct manifest_vec *out, struct str path, struct err *err)
{
    AUTO(mem_freep) char *name = str_dup(path);
    struct stat st;
    if (stat(name, &st) == 0 && S_ISDIR(st.st_mode))
        return read_folder(out, name, err);
    return read_one(out, name, err);
}

int manifests_given(struct manifest_vec *out, const struct args *args, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < args_count(args, "filename") && rc == 0; i++)
        rc = manifests_read(out, args_text_at(args, "filename", i), err);
    if (rc == 0 && out->n == 0)
        rc = err_set(err, ERR_NOT_FOUND, "there is no object in what -f names");
    return rc;
}

void manifests_fini(struct manifest_vec *m)
{
    for (size_t i = 0; i < m->n; i++)
        kobj_unref(m->items[i]);
    manifest_vec_fini(m);
}
